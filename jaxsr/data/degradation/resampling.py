"""Resize each image by its own factor, inside a compiled program, where array sizes cannot change."""

import jax
import jax.numpy as jnp

from jaxsr.data.degradation.products import exact_einsum

KERNELS = ("area", "bilinear", "bicubic")


def resampled(
    images: jax.Array,
    factor: jax.Array,
    kernel: jax.Array,
    centre_in: jax.Array,
    centre_out: jax.Array,
    *,
    size: int,
) -> jax.Array:
    """Resize images onto squares of one size, each by its own factor around its own point.

    The kernels are the three of Wang et al. 2021, section 3.1, resize.

    `centre_in` of the input moves to `centre_out` of the output. Parts outside the square are cut off, and the last
    pixels of an image are repeated beyond its edges. Kernels are widened when shrinking (antialiasing).

    Args:
      images: [B, H, W, C] float32.
      factor: [B] output pixels per input pixel.
      kernel: [B] index into `KERNELS`; bicubic is that of Keys 1981 with a = −0.5.
      centre_in: [B, 2] row and column, in input pixels; whole numbers are the centres of pixels.
      centre_out: [B, 2] row and column, in output pixels.
      size: side of the result.

    Returns:
      [B, size, size, C] float32; bicubic can leave the range of the input.
    """
    rows, columns = (
        _weights(length, size, factor, kernel, centre_in[:, axis], centre_out[:, axis])
        for axis, length in enumerate(images.shape[1:3])
    )
    return exact_einsum("bjw,biwc->bijc", columns, exact_einsum("bih,bhwc->biwc", rows, images))


def _weights(length, size, factor, kernel, centre_in, centre_out):
    """[B, size, length], rows summing to 1."""
    factor, kernel = factor[:, None, None], kernel[:, None, None]
    positions = jnp.arange(size, dtype=jnp.float32)[None, :, None]
    source = centre_in[:, None, None] + (positions - centre_out[:, None, None]) / factor
    distance = jnp.clip(source, 0, length - 1) - jnp.arange(length, dtype=jnp.float32)
    wide = jnp.maximum(1 / factor, 1)
    # The fraction of a pixel that lies under a box of this width.
    area = jnp.clip((wide + 1) / 2 - jnp.abs(distance), 0, 1)
    x = jnp.abs(distance) / wide
    bilinear = jnp.maximum(1 - x, 0)
    near = (1.5 * x - 2.5) * x**2 + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    bicubic = jnp.where(x <= 1, near, jnp.where(x < 2, far, 0))
    values = jnp.select([kernel == 0, kernel == 1], [area, bilinear], bicubic)
    return values / values.sum(axis=2, keepdims=True)
