"""From photos on a disk to batches of crops: sources, inspection, crops, augmentation.

Start with `sources.py`, which finds photos, and `pipeline.py`, which cuts crops from them. Between the two,
`inspection.py` leaves out what cannot be trained on.
"""
