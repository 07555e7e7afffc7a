"""3×3 convolutions by Winograd's minimal filtering F(2×2, 3×3) (Lavin & Gray 2016, arXiv 1509.09308, section 4.1).

Each 2×2 outputs come from a tile of 4×4 inputs by 16 products of transformed inputs and kernels in place of 36.
In float32 the error is that of rounding; tiles in bfloat16 have three times the error of a convolution in bfloat16.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

# G of the paper: from 3 rows of a kernel to 4.
_G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]], np.float32)


def convolved(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """`lax.conv_general_dilated` with strides 1 and padding "SAME".

    Args:
      x: [N, H, W, C].
      kernel: [3, 3, C, D].

    Returns:
      [N, H, W, D] of x's dtype.
    """
    n, height, width, _ = x.shape
    # By themselves, and not from one array of all, which XLA would take twice as long to put together.
    products = [
        lax.dot(tiles, factor, preferred_element_type=jnp.float32)
        for tiles, factor in zip(_input_tiles(x), _kernel_tiles(kernel), strict=True)
    ]
    whole = _assembled(products, (n, -(-height // 2), -(-width // 2)))
    return whole[:, :height, :width].astype(x.dtype)


def kernel_gradient(x: jax.Array, gradient: jax.Array) -> jax.Array:
    """The derivative of `convolved` for the kernel.

    Args:
      x: [N, H, W, C].
      gradient: of the output, [N, H, W, D].

    Returns:
      [3, 3, C, D] float32.
    """
    # One product, so that many devices exchange its result at once (of 16 where the gradient has 9).
    tiles, outputs = jnp.stack(_input_tiles(x)), jnp.stack(_output_tiles(gradient))
    products = lax.dot_general(tiles, outputs, (((1,), (1,)), ((0,), (0,))), preferred_element_type=jnp.float32)
    return jnp.einsum("ai,abcd,bj->ijcd", _G, products.reshape(4, 4, *products.shape[1:]), _G)


def _kernel_tiles(kernel):
    """G g Gᵀ: 16 of [C, D], rounded once."""
    square = jnp.einsum("ai,ijcd,bj->abcd", _G, kernel.astype(jnp.float32), _G)
    return square.reshape(16, *kernel.shape[2:]).astype(kernel.dtype)


def _input_tiles(x):
    """Bᵀ d B of 4×4 tiles that overlap by two pixels: [N, H, W, C] to 16 of [N·⌈H/2⌉·⌈W/2⌉, C]."""

    def four(a, b, c, d):
        return a - c, b + c, c - b, b - d

    height, width = (side + side % 2 for side in x.shape[1:3])
    padded = jnp.pad(x, ((0, 0), (1, x.shape[1] % 2 + 1), (1, x.shape[2] % 2 + 1), (0, 0)))
    rows = four(*(padded[:, i : i + height : 2] for i in range(4)))
    tiles = [tile for row in rows for tile in four(*(row[:, :, j : j + width : 2] for j in range(4)))]
    return [tile.reshape(-1, x.shape[-1]) for tile in tiles]


def _output_tiles(gradient):
    """A m Aᵀ, the transpose of `_assembled`: [N, H, W, D] to 16 of [N·⌈H/2⌉·⌈W/2⌉, D]."""

    def four(a, b):
        return a, a + b, a - b, -b

    _, height, width, channels = gradient.shape
    even = jnp.pad(gradient, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)))
    rows = four(even[:, 0::2], even[:, 1::2])
    tiles = [tile for row in rows for tile in four(row[:, :, 0::2], row[:, :, 1::2])]
    return [tile.reshape(-1, channels) for tile in tiles]


def _assembled(products, tiles):
    """Aᵀ m A: 16 of [N·h·w, D] to [N, 2·h, 2·w, D]."""

    def two(a, b, c, d):
        return a + b + c, b - c - d

    n, height, width = tiles
    products = [product.reshape(n, height, width, -1) for product in products]
    columns = [two(*products[j::4]) for j in range(4)]
    rows = [two(*(column[i] for column in columns)) for i in range(2)]
    whole = jnp.stack([jnp.stack(row, axis=3) for row in rows], axis=2)
    return whole.reshape(n, 2 * height, 2 * width, -1)
