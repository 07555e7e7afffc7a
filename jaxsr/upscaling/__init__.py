"""Upscaling of pictures: arrays, picture files and whole folders.

Start with `upscaler.py`, which upscales arrays and strips by `tiling.py`, and `files.py`, which upscales files.
`pictures.py` and `folder.py` do many at a time.
"""

from jaxsr.upscaling.automatic import AutomaticUpscaler
from jaxsr.upscaling.files import upscale
from jaxsr.upscaling.loading import load
from jaxsr.upscaling.upscaler import Upscaler

__all__ = ["AutomaticUpscaler", "Upscaler", "load", "upscale"]
