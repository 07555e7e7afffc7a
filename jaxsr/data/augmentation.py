"""Transforms of crops inside the compiled training step: flips, quarter turns, reduction, scaling of values."""

import jax
import jax.numpy as jnp

from jaxsr.errors import InputError
from jaxsr.imaging.color import signed_from_unit, unit_from_uint8
from jaxsr.imaging.resize import resize_matrix


def augment(key: jax.Array, crops: jax.Array) -> jax.Array:
    """Apply one of the 8 flips and quarter turns of the square to each image, all equally likely.

    Args:
      key: random key.
      crops: [B, S, S, C], any type and range.

    Returns:
      The same shape and type.
    """
    # Two mirrors and a transposition generate the group: each choice of the three bits gives another member.
    mirrored, turned_over, transposed = jax.random.bernoulli(key, shape=(3, crops.shape[0], 1, 1, 1))
    crops = jnp.where(mirrored, crops[:, :, ::-1], crops)
    crops = jnp.where(turned_over, crops[:, ::-1], crops)
    return jnp.where(transposed, crops.swapaxes(1, 2), crops)


def degrade(hr: jax.Array, *, scale: int) -> tuple[jax.Array, jax.Array]:
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
    levels = _round(_product("ih,bhwc->biwc", resize_matrix(height, 1 / scale), levels))
    levels = _round(_product("jw,bhwc->bhjc", resize_matrix(width, 1 / scale), levels))
    return levels / 255, signed_from_unit(unit_from_uint8(hr))


def _product(axes, matrix, levels):
    # Full precision, because the default on some accelerators is off by whole levels.
    return jnp.einsum(axes, jnp.asarray(matrix, jnp.float32), levels, precision=jax.lax.Precision.HIGHEST)


def _round(levels):
    # Halves round up. In float32, the sum for an exact half can come out about 1e-5 too small.
    return jnp.clip(jnp.floor(levels + 0.5 + 1e-4), 0, 255)
