"""Clips: every frame upscaled at the time it had, sound and subtitles copied.

Decoding, network and encoding overlap, segment by segment, so that a run that was killed goes on.

It needs the extra `video`, but for `jaxsr.video.inputs`.
"""
