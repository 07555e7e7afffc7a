"""PNG: its chunks, the colours and texts in them, animations, and the writing of pixels on all cores.

Start with `chunks.py`, which the others stand on, and `writing.py`.
"""
