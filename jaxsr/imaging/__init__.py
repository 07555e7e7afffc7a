"""Image functions without learning: colour, value ranges, resizing, and reading and writing picture files.

Start with `picture.py` for reading files, `writing.py` for writing them, and `resize.py` and `color.py` for arrays.
"""
