"""The processes and devices of a run: how they start, meet, exchange arrays and part.

Start with `devices.py`. `distributed.py`, `supervision.py` and `lost.py` are for runs in several processes.
"""
