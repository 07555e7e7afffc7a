"""The processes and devices of a run: how they start, meet, exchange arrays and part."""
