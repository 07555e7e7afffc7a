"""The weight gradient of a convolution as matrix products, for CPUs.

XLA's CPU backend takes three to five times as long for it as for the convolution itself. oneDNN's own is not within
reach (jaxsr/models/onednn.py has forward convolutions and products).

Milliseconds, eight crops on one core of an Intel with AMX, in pages of 2 MB: of the body's convolutions, 64 channels at
24×24, 5.4 by XLA's products and 4.5 by oneDNN's in float32, 1.6 and 1.45 in bfloat16; 64 to 256 channels at 48×48, 80
and 68, 23 and 20; of a strided convolution, 64 channels from 96×96 to 48×48, 52 by XLA's convolution and 36 by
products, 57 and 29; of the last one, with three outputs, in bfloat16 56 by shifts and 25 by columns.

What did not pay: nine products instead of three (0.8 to 1.3 of their time), channels left innermost (0.9 to 2), each
image by itself (0.7 to 1.1, but three times as long with 512 channels), a convolution of oneDNN's over whole images (a
thousand times), and in float32 columns for the last convolution (1.0 to 1.6).
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from jaxsr.models import onednn

# More are quicker shifted one by one.
_MOST_COLUMNS = 256


def weight_gradient(x: jax.Array, gradient: jax.Array, *, side: int, stride: int = 1) -> jax.Array:
    """The derivative of a convolution whose kernel is centred on its pixel.

    Args:
      x: its images, [N, H, W, C].
      gradient: of its output, [N, ⌈H/stride⌉, ⌈W/stride⌉, D], of the same dtype.
      side: of the kernel, odd.
      stride: above 1 only where oneDNN takes the dtype.

    Returns:
      [side, side, C, D] float32.
    """
    if stride > 1:
        return _strided_products(x, gradient, side=side, stride=stride)
    inputs, outputs = x.shape[-1], gradient.shape[-1]
    few = side**2 * min(inputs, outputs) <= _MOST_COLUMNS
    short = x.dtype == jnp.bfloat16 and onednn.takes(x.dtype)
    by = _column_products if short and few else _shifted_products
    # Those with fewer channels are shifted: towards the pixel that a gradient is of, or away from it.
    if inputs < outputs:
        return by(x, gradient, range(side))
    return by(gradient, x, range(side - 1, -1, -1)).swapaxes(2, 3)


def _shifted_products(shifted, fixed, shifts):
    """Images [N, H, W, C], shifted by each two shifts, times others [N, H, W, D]: [k, k, C, D].

    The channels of the first go outermost once, in place of in each product; those of a row of shifts are one product.
    """
    (_, height, width, channels), side, edge = shifted.shape, len(shifts), len(shifts) // 2
    padded = jnp.pad(shifted.transpose(3, 0, 1, 2), ((0, 0), (0, 0), (edge, edge), (edge, edge)))
    pixels, rows = fixed.reshape(-1, fixed.shape[-1]), []
    by_xla = partial(lax.dot, preferred_element_type=jnp.float32)
    multiply = onednn.product if onednn.takes(shifted.dtype) else by_xla
    for i in shifts:
        parts = [padded[:, :, i : i + height, j : j + width] for j in shifts]
        rows.append(multiply(jnp.concatenate(parts).reshape(side * channels, -1), pixels))
    return jnp.stack(rows).reshape(side, side, channels, -1)


def _strided_products(x, gradient, *, side, stride):
    """The pixels that a row of the kernel meets side by side, times the gradient."""
    (_, height, width, outputs), edge, inputs, rows = gradient.shape, side // 2, x.shape[-1], []
    padded = jnp.pad(x, ((0, 0), (edge, edge), (edge, edge), (0, 0)))
    for i in range(side):
        met = padded[:, i : i + stride * (height - 1) + 1 : stride]
        parts = [met[:, :, j : j + stride * (width - 1) + 1 : stride] for j in range(side)]
        columns = jnp.concatenate(parts, axis=-1).reshape(-1, side * inputs)
        rows.append(onednn.product(columns, gradient.reshape(-1, outputs), transpose=True))
    return jnp.stack(rows).reshape(side, side, inputs, outputs)


def _column_products(shifted, fixed, shifts):
    """The same by all shifts of a pixel side by side, which a convolution with ones and zeros puts there exactly."""
    side, channels = len(shifts), shifted.shape[-1]
    ones = jnp.eye(side**2 * channels, dtype=shifted.dtype).reshape(side, side, channels, -1)
    columns = onednn.convolved(shifted, ones[:: shifts.step, :: shifts.step])
    columns, pixels = (images.reshape(-1, images.shape[-1]) for images in (columns, fixed))
    return onednn.product(columns, pixels, transpose=True).reshape(side, side, channels, -1)
