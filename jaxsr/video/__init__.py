"""Clips: each frame is upscaled and keeps its time; sound and subtitles are copied.

Decoding, the network and encoding overlap. A clip is written in segments, so that a run that was killed can resume.

All modules but `jaxsr.video.inputs` need the extra `video`.
"""
