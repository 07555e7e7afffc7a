"""The folder of a run, with its checkpoints, photos, log, validation scores, pictures and cards.

Start with `workdir.py`, which says to whom a folder belongs, and `checkpoint.py`.
"""
