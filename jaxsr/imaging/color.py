"""BT.601 luma, gray as RGB, and the named converters between value ranges."""

from typing import Any, TypeAlias

import numpy as np

# A NumPy or JAX array. Every function returns the kind that it is given, which type checkers cannot follow.
Array: TypeAlias = Any

# Weights of R, G and B in luma of full range (ITU-R BT.601-7, section 2.5.1), as in JFIF and in Pillow's mode L.
GRAY_WEIGHTS = (0.299, 0.587, 0.114)


def luma(rgb: Array) -> Array:
    """BT.601 luma of studio range, the Y of MATLAB's `rgb2ycbcr` (ITU-R BT.601-7, section 2.5.1).

    Args:
      rgb: [..., 3] float, in [0, 1].

    Returns:
      [...] of the same dtype, in [16/255, 235/255].
    """
    return (65.481 * rgb[..., 0] + 128.553 * rgb[..., 1] + 24.966 * rgb[..., 2] + 16.0) / 255.0


def luma_levels(image: np.ndarray) -> np.ndarray:
    """`luma` in levels: from uint8 [H, W, 3] to float64 [H, W] in [16, 235]. A gray image [H, W] counts as luma."""
    return 255 * luma(image / 255) if image.ndim == 3 else image.astype(np.float64)


def full_luma(rgb: np.ndarray) -> np.ndarray:
    """BT.601 luma of full range: from float [..., 3] to [...], of the same dtype and range."""
    return rgb @ np.array(GRAY_WEIGHTS, rgb.dtype)


def as_rgb(image: Array) -> Array:
    """Gray [H, W] as three equal channels; RGB [H, W, 3] as it is."""
    return image if image.ndim == 3 else image.__array_namespace__().stack([image] * 3, axis=-1)


def unit_from_uint8(image: Array) -> Array:
    """Uint8 0–255 to float32 in [0, 1]."""
    return image.astype("float32") / 255.0


def unit_of(image: Array) -> Array:
    """Uint8 0–255, or float in [0, 1], to float in [0, 1]."""
    return unit_from_uint8(image) if image.dtype == "uint8" else image


def uint8_from_unit(image: Array) -> Array:
    """Float in [0, 1] to uint8 0–255: clipped, then rounded half to even."""
    xp = image.__array_namespace__()
    return xp.round(xp.clip(image * 255.0, 0.0, 255.0)).astype("uint8")


def signed_from_unit(image: Array) -> Array:
    """[0, 1] to [−1, 1], the range of the networks' output and of the losses."""
    return image * 2.0 - 1.0


def unit_from_signed(image: Array) -> Array:
    """[−1, 1] to [0, 1]. Values outside the range stay outside."""
    return (image + 1.0) * 0.5
