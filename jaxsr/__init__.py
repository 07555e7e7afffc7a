"""Single-image super-resolution in pure-functional JAX.

    import jaxsr

    sharper = jaxsr.load("srresnet")(photo)  # an array, a PIL image or a path
    jaxsr.upscale("photo.tif", "photo_x4.tif", model="srgan")  # a file keeps its depth, colour profile, EXIF …

`jaxsr.models` has the Flax modules, `jaxsr.metrics` the quality metrics, and `jaxsr.resize` is MATLAB's `imresize` in
JAX.

The image contract: arrays are NHWC, RGB, float32, in [0, 1], unless a name says otherwise (`uint8`, or `signed` for
[−1, 1]). `jaxsr.imaging.color` has the converters.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxsr import metrics, models
    from jaxsr.imaging.resize import resize
    from jaxsr.upscaling import load, upscale

__all__ = ["load", "metrics", "models", "resize", "upscale"]

_HOMES = {"load": "jaxsr.upscaling", "upscale": "jaxsr.upscaling", "resize": "jaxsr.imaging.resize"}
_MODULES = ("metrics", "models")


def __getattr__(name: str) -> Any:
    # Imported on first use, because importing JAX takes a second.
    if name in _MODULES:
        return importlib.import_module(f"jaxsr.{name}")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    dunder = {name for name in globals() if name.startswith("__")}
    return sorted({*dunder, *__all__})
