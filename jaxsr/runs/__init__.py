"""Runs: the folder of one, its checkpoints, its photos, its log, its validation and its card."""
