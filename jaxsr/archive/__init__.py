"""Upscaling of an archive of pictures on a Ray cluster. Source and destination are paths or URIs.

This package needs the extra `ray`.

Start with `pictures.py`, or with `clips.py` for a clip. Both send tasks (`stream.py`) to the replicas of a cluster
(`cluster.py`); `replica.py` is one for pictures.
"""
