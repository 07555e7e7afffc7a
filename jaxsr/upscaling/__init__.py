"""Upscaling of pictures: arrays, picture files and whole folders.

Start with `upscaler.py`, which upscales arrays and strips, and `engine.py`, which begins with a map of the way from
there through `cells.py` and `tiling.py` to the network. `files.py` upscales files, and `pictures.py` and `folder.py`
many of them.
"""

from jaxsr.upscaling.files import upscale
from jaxsr.upscaling.loading import load
from jaxsr.upscaling.upscaler import AutomaticUpscaler, Upscaler

__all__ = ["AutomaticUpscaler", "Upscaler", "load", "upscale"]
