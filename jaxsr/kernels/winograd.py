"""3×3 convolutions by Winograd's minimal filtering F(2×2, 3×3) (Lavin & Gray 2016, arXiv 1509.09308, section 4.1).

Each square of 2×2 outputs is computed from a tile of 4×4 inputs, with 16 products of transformed inputs and kernels
instead of 36. oneDNN computes the products, so these functions work on one device and have no derivative.
"""

import jax
import jax.numpy as jnp

from jaxsr.kernels import onednn

# The tiles of the kernel turned by 180° are those of the kernel in this order.
_TURNED = [4 * i + j for i in (3, 1, 2, 0) for j in (3, 1, 2, 0)]


def convolved(x: jax.Array, kernel: jax.Array, *, turned: bool = False) -> jax.Array:
    """`lax.conv_general_dilated` with stride 1 and padding "SAME".

    Args:
      x: [N, H, W, C] float32.
      kernel: [3, 3, C, D] float32.
      turned: whether the kernel is [3, 3, D, C] instead and is turned by 180°, as for the input gradient.

    Returns:
      [N, H, W, D] float32.
    """
    factors = [factor[None, None] for factor in _kernel_tiles(kernel)]
    if turned:
        factors = [factors[i] for i in _TURNED]
    tiles = zip(_input_tiles(x), factors, strict=True)
    products = [onednn.convolved(tile, factor, transposed=turned) for tile, factor in tiles]
    return _assembled(products)[:, : x.shape[1], : x.shape[2]]


def _kernel_tiles(kernel):
    """G g Gᵀ: 16 arrays [C, D]."""

    def four(a, b, c):
        return a, (a + b + c) / 2, (a - b + c) / 2, c

    return [tile for row in four(*kernel) for tile in four(*row)]


def _input_tiles(x):
    """Bᵀ d B of 4×4 tiles that overlap by two pixels: from [N, H, W, C] to 16 arrays [N, ⌈H/2⌉, ⌈W/2⌉, C]."""

    def four(a, b, c, d):
        return a - c, b + c, c - b, b - d

    height, width = (side + side % 2 for side in x.shape[1:3])
    padded = jnp.pad(x, ((0, 0), (1, x.shape[1] % 2 + 1), (1, x.shape[2] % 2 + 1), (0, 0)))
    rows = four(*(padded[:, i : i + height : 2] for i in range(4)))
    return [tile for row in rows for tile in four(*(row[:, :, j : j + width : 2] for j in range(4)))]


def _assembled(products):
    """Aᵀ m A: from 16 arrays [N, h, w, D] to [N, 2·h, 2·w, D]."""

    def two(a, b, c, d):
        return a + b + c, b - c - d

    n, height, width, _ = products[0].shape
    columns = [two(*products[j::4]) for j in range(4)]
    rows = [two(*(column[i] for column in columns)) for i in range(2)]
    whole = jnp.stack([jnp.stack(row, axis=3) for row in rows], axis=2)
    return whole.reshape(n, 2 * height, 2 * width, -1)
