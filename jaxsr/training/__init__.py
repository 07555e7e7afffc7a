"""Training: the start of a run, its stages, the loop, the pure updates and their losses."""
