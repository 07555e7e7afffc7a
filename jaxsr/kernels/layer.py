"""The convolution layer of the networks."""

from itertools import accumulate
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxsr.kernels.convolution import added, biased, convolved

# PyTorch's default for convolutions, U(−1/√fan_in, 1/√fan_in).
torch_uniform = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")


class Convolution(nn.Module):
    """`flax.linen.Conv` with a square kernel that is centred on its pixel.

    Parameters are "kernel" [side, side, C, features] and "bias" [features], float32. The padding is PyTorch's,
    side // 2 on each side, also with strides. Only first derivatives in reverse mode are supported.

    Attributes:
      features: output channels.
      side: side of the kernel, odd.
      stride: stride along both axes.
      use_bias: whether there is a bias.
      may_tile: whether the rounding of a pixel may depend on its place in the image. True allows Winograd's algorithm
        where it is faster. Use False where the tiles of a picture must equal the whole.
      dtype: dtype of computation and of the result.
    """

    features: int
    side: int
    stride: int = 1
    use_bias: bool = True
    may_tile: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *more: jax.Array) -> jax.Array:
        """Map [N, H, W, C] to [N, ⌈H/stride⌉, ⌈W/stride⌉, features].

        Several arrays are convolved as if they were concatenated to [N, H, W, C + C₁ + …]. Each is convolved with its
        part of the kernel, and the results are added, which is faster than concatenating the arrays.
        """
        parts = (x, *more)
        ends = list(accumulate(part.shape[-1] for part in parts))
        kernel = self.param("kernel", torch_uniform, (self.side, self.side, ends[-1], self.features), jnp.float32)
        kernels = jnp.split(kernel, ends[:-1], axis=2) if more else [kernel]
        options = {"stride": self.stride, "may_tile": self.may_tile}
        y = convolved(x, kernels[0], dtype=self.dtype, **options)
        for part, of_part in zip(more, kernels[1:], strict=True):
            y = added(part.astype(self.dtype), of_part.astype(self.dtype), y, **options)
        if not self.use_bias:
            return y
        return biased(y, self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32))
