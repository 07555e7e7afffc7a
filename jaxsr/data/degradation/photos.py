"""Degradation of whole photos, for an evaluation."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from jaxsr.data.degradation.pairs import degraded_by, margin
from jaxsr.data.degradation.ranges import RANGES
from jaxsr.imaging.color import as_rgb, full_luma
from jaxsr.imaging.resize import resize_uint8

# Sides are rounded up to multiples of this and of the scale, so that few programs are compiled.
_STEP = 256

_degraded = jax.jit(degraded_by, static_argnames=("ranges", "scale"))


def degrade_photo(key: jax.Array, photo: np.ndarray, *, degradation: str, scale: int) -> np.ndarray:
    """Make LR of a photo by one of the degradations; it is never one of those that they leave clean.

    Args:
      key: random key; equal keys give equal pictures.
      photo: HR uint8 [H, W, 3] or [H, W], both sides multiples of `scale`.
      degradation: one of `jaxsr.data.degradation.DEGRADATIONS`.
      scale: the reduction.

    Returns:
      uint8 [H/scale, W/scale, 3] or [H/scale, W/scale].

    Raises:
      InputError: the degradation is unknown.
    """
    if degradation == "bicubic":
        return resize_uint8(photo, 1 / scale)
    height, width = photo.shape[:2]
    cut = margin(degradation, scale=scale)
    step = math.lcm(_STEP, scale)
    side = step * -(-(max(height, width) + 2 * cut) // step)
    padded = np.pad(as_rgb(photo), ((cut, side - cut - height), (cut, side - cut - width), (0, 0)), mode="symmetric")
    reduced = jnp.float32(resize_uint8(padded, 1 / scale)[None]) / 255
    never_clean = RANGES[degradation]._replace(clean=0.0)
    low = _degraded(key, jnp.float32(padded[None]) / 255, reduced, ranges=never_clean, scale=scale)[0]
    start = cut // scale
    low = np.asarray(low[start : start + height // scale, start : start + width // scale])
    if photo.ndim == 2:
        low = full_luma(low)
    return np.round(255 * low).astype(np.uint8)
