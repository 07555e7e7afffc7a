"""Single-image super-resolution in pure-functional JAX.

    import jaxsr

    sharper = jaxsr.load("srresnet")(photo)  # an array, a PIL image or a path

The image contract: arrays are NHWC, RGB, float32, in [0, 1], unless a name says otherwise (`uint8`, `signed` for
[−1, 1]); `jaxsr.imaging.color` has the converters.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxsr.upscaling import load

__all__ = ["load"]


def __getattr__(name):
    # On first use, since JAX takes a second to import.
    if name == "load":
        from jaxsr.upscaling import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
