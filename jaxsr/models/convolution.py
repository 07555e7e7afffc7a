"""Convolutions whose weight gradient is made of matrix products on a CPU.

XLA's CPU backend takes several times as long for a weight gradient as for the convolution itself. Of the upsampling
convolutions, with more outputs than inputs, the one at 48×48 takes 178 ms as products instead of 346, the one at 24×24
30 instead of 46; of the last one, with three outputs, 173 instead of 240 to 290 (16 crops of 96×96, two devices on two
AVX2 cores, float32). The whole SRResNet update goes from 2.6 to 2.1 s. On accelerators the program is XLA's own.

What did not pay: products for the 3×3 convolutions of the body (14 ms instead of 13 with a device on each core), nine
products instead of three (0.8 to 1.3 of their time), one product of nine shifts (1.1), forward convolutions as products
(up to three times XLA's time), the weight gradient as a convolution of transposed images (0.9 to 1.5).
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

_NUMBERS = ("NHWC", "HWIO", "NHWC")


def conv_general_dilated(x: jax.Array, kernel: jax.Array, strides: Any, padding: Any, **options) -> jax.Array:
    """`lax.conv_general_dilated` for `flax.linen.Conv(conv_general_dilated=…)`, of a kind that pays on a CPU.

    Args:
      x: [N, H, W, C].
      kernel: [k, k, C, D], k odd.
      strides: ones.
      padding: "SAME".
      options: of `lax.conv_general_dilated`, with their defaults: neither dilation nor groups, NHWC and HWIO.

    Raises:
      ValueError: anything else. Nor is there a derivative in forward mode.
    """
    options.pop("dimension_numbers", None)
    defaults = {"lhs_dilation": (1, 1), "rhs_dilation": (1, 1), "feature_group_count": 1}
    changed = {name: value for name, value in options.items() if value not in (None, defaults.get(name))}
    square = kernel.shape[0] == kernel.shape[1] and kernel.shape[0] % 2 == 1
    if not square or changed or tuple(strides) != (1, 1) or padding != "SAME":
        raise ValueError(f"kernel {kernel.shape}, strides {strides}, padding {padding}, options {changed}")
    return _convolved(x, kernel)


def _plain(x, kernel):
    return lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=_NUMBERS)


_convolved = jax.custom_vjp(_plain)


def _forward(x, kernel):
    return _plain(x, kernel), (x, kernel)


def _backward(saved, gradient):
    x, kernel = saved
    (to_x,) = jax.vjp(lambda x: _plain(x, kernel), x)[1](gradient)
    side, _, inputs, outputs = kernel.shape
    as_products = partial(_by_rows_of_images if outputs > inputs else _by_rows_of_gradients, side=side)
    to_kernel = lax.platform_dependent(x, gradient, cpu=as_products, default=partial(_by_xla, kernel=kernel))
    return to_x, to_kernel.astype(kernel.dtype)


_convolved.defvjp(_forward, _backward)


def _by_xla(x, gradient, *, kernel):
    (to_kernel,) = jax.vjp(lambda kernel: _plain(x, kernel), kernel)[1](gradient)
    return to_kernel.astype(jnp.float32)


def _by_rows_of_images(x, gradient, *, side):
    """Images shifted by each column of the kernel side by side, then one product for each of its rows."""
    (_, height, width, inputs), outputs, edge = x.shape, gradient.shape[-1], side // 2
    padded = jnp.pad(x, ((0, 0), (edge, edge), (edge, edge), (0, 0)))
    columns = jnp.concatenate([padded[:, :, j : j + width] for j in range(side)], axis=-1)
    rows = [_product(columns[:, i : i + height], gradient) for i in range(side)]
    return jnp.stack(rows).reshape(side, side, inputs, outputs)


def _by_rows_of_gradients(x, gradient, *, side):
    """The gradient, which has few channels, shifted in place of the images, its channels outermost."""
    (_, height, width, inputs), outputs, edge = x.shape, gradient.shape[-1], side // 2
    padded = jnp.pad(gradient.transpose(3, 0, 1, 2), ((0, 0), (0, 0), (edge, edge), (edge, edge)))
    images, rows = x.reshape(-1, inputs), []
    for i in reversed(range(side)):
        shifted = [padded[:, :, i : i + height, j : j + width] for j in reversed(range(side))]
        columns = jnp.concatenate(shifted).reshape(side * outputs, -1)
        rows.append(lax.dot(columns, images, preferred_element_type=jnp.float32))
    return jnp.stack(rows).reshape(side, side, outputs, inputs).swapaxes(2, 3)


def _product(x, gradient):
    axes = (0, 1, 2)
    return lax.dot_general(x, gradient, ((axes, axes), ((), ())), preferred_element_type=jnp.float32)
