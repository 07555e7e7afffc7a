"""Training pairs by MATLAB's bicubic reduction."""

import jax
import jax.numpy as jnp

from jaxsr.data.degradation.products import exact_einsum
from jaxsr.errors import InputError
from jaxsr.imaging.color import signed_from_unit, unit_from_uint8
from jaxsr.imaging.resize import resize_matrix


def bicubic_pair(hr: jax.Array, *, scale: int) -> tuple[jax.Array, jax.Array]:
    """Make a training pair: the input of a network and its target.

    LR is MATLAB's bicubic reduction, rounded to whole levels after each axis, like the LR files of the test sets. It
    equals `resize_uint8` except where a sum lies within float32's error of a half.

    Args:
      hr: [B, S, S, 3] uint8, S a multiple of the scale.
      scale: the reduction.

    Returns:
      LR [B, S/scale, S/scale, 3] float32 in [0, 1], and HR as float32 in [−1, 1].

    Raises:
      InputError: S is not a multiple of the scale.
    """
    if hr.shape[1] % scale or hr.shape[2] % scale:
        raise InputError(f"the crop of {hr.shape[1]} pixels must be a multiple of the scale, {scale}")
    height, width = hr.shape[1:3]
    levels = hr.astype(jnp.float32)
    down, across = (jnp.float32(resize_matrix(side, 1 / scale)) for side in (height, width))
    levels = _round(exact_einsum("ih,bhwc->biwc", down, levels))
    levels = _round(exact_einsum("jw,bhwc->bhjc", across, levels))
    return levels / 255, signed_from_unit(unit_from_uint8(hr))


def _round(levels):
    # Halves round up. In float32, the sum for an exact half can come out about 1e-5 too small.
    return jnp.clip(jnp.floor(levels + 0.5 + 1e-4), 0, 255)
