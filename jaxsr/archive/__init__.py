"""Upscaling of an archive of pictures on a Ray cluster. Source and destination are paths or URIs.

This package needs the extra `ray`.

Start with `pictures.py`, or with `clips.py` for a clip. Both send work to the replicas (`replica.py`) of a cluster
(`cluster.py`).
"""
