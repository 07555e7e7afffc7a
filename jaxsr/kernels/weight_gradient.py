"""The weight gradient of a convolution as matrix products, for CPUs.

XLA's CPU backend is slow at weight gradients, and jaxlib offers no call of oneDNN's.
"""

import math

import jax
import jax.numpy as jnp
from jax import lax

from jaxsr.kernels import onednn


def weight_gradient(x: jax.Array, gradient: jax.Array, *, side: int, stride: int = 1, flat: bool = False) -> jax.Array:
    """The weight gradient of a convolution whose kernel is centred on its pixel.

    Args:
      x: the images, [N, H, W, C].
      gradient: gradient of the output, [N, ⌈H/stride⌉, ⌈W/stride⌉, D], of the same dtype.
      side: side of the kernel, odd.
      stride: stride along both axes.
      flat: shift whole blocks of memory, which suits large kernels. For stride 1 only.

    Returns:
      [side, side, C, D] float32.
    """
    if stride > 1:
        return _strided_products(x, gradient, side=side, stride=stride)
    inputs, outputs = x.shape[-1], gradient.shape[-1]
    by = _flat_products if flat else _shifted_products
    # Shift the array with fewer channels: the images towards a gradient's pixel, or the gradients away from it.
    if inputs < outputs:
        return by(x, gradient, range(side))
    return by(gradient, x, range(side - 1, -1, -1)).swapaxes(2, 3)


def _shifted_products(shifted, fixed, shifts):
    """Products [k, k, C, D] of images [N, H, W, C], shifted by each pair of shifts, and other images [N, H, W, D].

    The channels of the shifted images become the outermost axis once, not in each product. Each row of shifts is one
    product.
    """
    (_, height, width, channels), side, edge = shifted.shape, len(shifts), len(shifts) // 2
    padded = jnp.pad(_bits(shifted).transpose(3, 0, 1, 2), ((0, 0), (0, 0), (edge, edge), (edge, edge)))
    pixels, rows = _pixels(fixed), []
    for i in shifts:
        parts = [padded[:, :, i : i + height, j : j + width] for j in shifts]
        row = lax.bitcast_convert_type(jnp.concatenate(parts).reshape(side * channels, len(pixels)), shifted.dtype)
        rows.append(onednn.product(row, pixels))
    return jnp.stack(rows).reshape(side, side, channels, -1)


def _strided_products(x, gradient, *, side, stride):
    """For each row of the kernel, the pixels that it meets, side by side, times the gradient."""
    (_, height, width, outputs), edge, inputs, rows = gradient.shape, side // 2, x.shape[-1], []
    padded = jnp.pad(_bits(x), ((0, 0), (edge, edge), (edge, edge), (0, 0)))
    for i in range(side):
        met = padded[:, i : i + stride * (height - 1) + 1 : stride]
        parts = [met[:, :, j : j + stride * (width - 1) + 1 : stride] for j in range(side)]
        columns = lax.bitcast_convert_type(_pixels(jnp.concatenate(parts, axis=-1)), x.dtype)
        rows.append(onednn.product(columns, _pixels(gradient), transpose=True))
    return jnp.stack(rows).reshape(side, side, inputs, outputs)


def _flat_products(shifted, fixed, shifts):
    """`_shifted_products` of two padded arrays, so that each shift is an offset into one block of memory."""
    (_, _, width, channels), side, edge = shifted.shape, len(shifts), len(shifts) // 2
    around, after, across = (edge, edge), (0, 2 * edge), width + 2 * edge
    padded = jnp.pad(_bits(shifted).transpose(3, 0, 1, 2), ((0, 0), (0, 0), around, around))
    padded = padded.reshape(channels, math.prod(padded.shape[1:]))
    pixels = _pixels(jnp.pad(_bits(fixed), ((0, 0), after, after, (0, 0))))
    padded, rows = jnp.pad(padded, ((0, 0), (0, 2 * edge * (across + 1)))), []
    for i in shifts:
        parts = [padded[:, i * across + j :][:, : len(pixels)] for j in shifts]
        row, all_pixels = (lax.bitcast_convert_type(bits, fixed.dtype) for bits in (jnp.concatenate(parts), pixels))
        rows.append(onednn.product(row, all_pixels))
    return jnp.stack(rows).reshape(side, side, channels, -1)


def _pixels(images):
    return images.reshape(math.prod(images.shape[:-1]), images.shape[-1])


def _bits(x):
    """bfloat16 as uint16. XLA would convert bfloat16 to float32 to move it on a CPU."""
    return lax.bitcast_convert_type(x, jnp.uint16) if x.dtype == jnp.bfloat16 else x
