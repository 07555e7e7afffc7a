"""Picture in, picture out."""

from jaxsr.upscaling.batch import upscale
from jaxsr.upscaling.upscaler import Upscaler, load

__all__ = ["Upscaler", "load", "upscale"]
