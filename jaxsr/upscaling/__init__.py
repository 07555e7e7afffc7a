"""Upscaling of pictures: arrays, picture files and whole folders."""

from jaxsr.upscaling.automatic import AutomaticUpscaler, load
from jaxsr.upscaling.batch import upscale
from jaxsr.upscaling.upscaler import Upscaler

__all__ = ["AutomaticUpscaler", "Upscaler", "load", "upscale"]
