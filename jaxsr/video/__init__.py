"""Clips: each frame is upscaled and keeps its time; sound and subtitles are copied.

Start with `files.py`. Decoding, the network and encoding overlap (`pipeline.py`). A clip is written in segments
(`segments.py`), so that a run that was killed can resume.

All modules but `jaxsr.video.inputs` need the extra `video`.
"""
