"""The flags that are for clips only, shared by the commands that upscale."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Clips:
    """How the results of clips are encoded."""

    codec: str | None = None
    """FFmpeg's name of the encoder. None: libsvtav1 for .webm, libx265 above 8 bits, otherwise libx264."""
    crf: float | None = None
    """Constant rate factor: a lower one gives a better and larger file. None: one without visible loss."""
    preset: str | None = None
    """The encoder's preset, which trades speed for file size, such as slow. None: the encoder's default."""
    trim: str | None = None
    """The part to upscale: 10-20 in seconds, 1:05-1:20.5, 10- to the end, or -20 from the start."""
