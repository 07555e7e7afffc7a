"""Single-image super-resolution in pure-functional JAX.

    import jaxsr

    sharper = jaxsr.load("srresnet")(photo)  # an array, a PIL image or a path
    jaxsr.upscale("photo.tif", "photo_x4.tif", model="srgan")  # files: depth, colour profile, EXIF … are kept

`jaxsr.models` are the Flax modules, `jaxsr.metrics` the measures of quality, `jaxsr.resize` MATLAB's `imresize` in JAX.

The image contract: arrays are NHWC, RGB, float32, in [0, 1], unless a name says otherwise (`uint8`, `signed` for
[−1, 1]); `jaxsr.imaging.color` has the converters.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxsr import metrics, models
    from jaxsr.imaging.resize import resize
    from jaxsr.upscaling import load, upscale

__all__ = ["load", "metrics", "models", "resize", "upscale"]

_HOMES = {"load": "jaxsr.upscaling", "upscale": "jaxsr.upscaling", "resize": "jaxsr.imaging.resize"}
_MODULES = ("metrics", "models")


def __getattr__(name):
    # On first use, since JAX takes a second to import.
    if name in _MODULES:
        return importlib.import_module(f"jaxsr.{name}")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    dunder = {name for name in globals() if name.startswith("__")}
    return sorted({*dunder, *__all__})
