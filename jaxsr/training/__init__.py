"""Training: the start of a run, its stages, the loop, the pure updates and their losses.

Start with `run.py`, which makes a run of a network (`network.py`), its updates (`stages.py`) and the loop (`loop.py`).
"""
