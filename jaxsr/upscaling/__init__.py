"""Upscaling of pictures: arrays, picture files and whole folders."""

from jaxsr.upscaling.automatic import AutomaticUpscaler
from jaxsr.upscaling.files import upscale
from jaxsr.upscaling.loading import load
from jaxsr.upscaling.upscaler import Upscaler

__all__ = ["AutomaticUpscaler", "Upscaler", "load", "upscale"]
