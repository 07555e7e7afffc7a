"""RRDBNet, the generator of ESRGAN and Real-ESRGAN (Wang et al. 2018, arXiv 1809.00219, section 3.1)."""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxsr.errors import InputError
from jaxsr.models.convolution import Convolution

_RESIDUAL = 0.2
_SLOPE = 0.2
# LR pixels beyond which nothing was seen to matter in trained networks, whose residuals are scaled down twice a block:
# in Real-ESRGAN's x4plus and its anime network tiles with this halo differ from the whole by a level of 255 at most.
_EFFECTIVE_HALO = 32


class DenseBlock(nn.Module):
    """Five convolutions, each of which sees the input and all results before it."""

    growth: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """[N, H, W, features] to the same shape."""
        seen = [x]
        for i in range(1, 5):
            grown = Convolution(self.growth, 3, dtype=self.dtype, name=f"conv_{i}")(jnp.concatenate(seen, axis=-1))
            seen.append(nn.leaky_relu(grown, _SLOPE))
        last = Convolution(x.shape[-1], 3, dtype=self.dtype, name="conv_5")(jnp.concatenate(seen, axis=-1))
        return x + _RESIDUAL * last


class RRDBNet(nn.Module):
    """Residual-in-residual dense blocks without batch norms; 16,697,987 parameters as published, 4,467,779 with 6.

    Attributes:
      scale: 4.
      features: channels of the body.
      growth: channels that each convolution of a dense block adds.
      blocks: of three dense blocks each.
      dtype: dtype of computation; parameters and the last convolution stay float32.
    """

    scale: int = 4
    features: int = 64
    growth: int = 32
    blocks: int = 23
    dtype: Any = jnp.float32

    @property
    def reach(self) -> int:
        """LR pixels on each side that an output pixel can depend on at all."""
        return 1 + 15 * self.blocks + 1 + 2

    @property
    def halo(self) -> int:
        """LR pixels on each side that tiles get: all that an output pixel depends on, or at most 32.

        Deep networks reach hundreds of pixels far, but what comes from there has passed residuals of 0.2² a block.
        """
        return min(self.reach, _EFFECTIVE_HALO)

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        """Upscale [N, H, W, 3] in [0, 1] to [N, 4H, 4W, 3] float32 in [−1, 1]; `train` changes nothing."""
        if self.scale != 4:
            raise InputError(f"RRDBNet has no scale {self.scale} here: choose 4")
        conv = partial(Convolution, self.features, 3, dtype=self.dtype)
        lrelu = partial(nn.leaky_relu, negative_slope=_SLOPE)
        first = y = conv(name="conv_first")(x.astype(self.dtype))
        for i in range(self.blocks):
            inner = y
            for j in (1, 2, 3):
                inner = DenseBlock(self.growth, self.dtype, name=f"block_{i}_dense_{j}")(inner)
            y = y + _RESIDUAL * inner
        y = first + conv(name="conv_body")(y)
        for i in (0, 1):
            y = lrelu(conv(name=f"upconv_{i}")(_nearest(y)))
        y = lrelu(conv(name="conv_hr")(y))
        # In float32 whatever dtype is: eight bits of mantissa would show as banding in the picture.
        return 2 * Convolution(3, 3, name="conv_last")(y) - 1


def _nearest(x):
    return x.repeat(2, axis=1).repeat(2, axis=2)
