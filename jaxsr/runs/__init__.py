"""The folder of a run, with its checkpoints, photos, log, validation scores, pictures and cards."""
