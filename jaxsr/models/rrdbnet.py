"""RRDBNet, the generator of ESRGAN and Real-ESRGAN (Wang et al. 2018, arXiv 1809.00219, section 3.1)."""

from functools import partial
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxsr.errors import InputError
from jaxsr.kernels import Convolution
from jaxsr.models.layers import pixel_unshuffle

_RESIDUAL = 0.2
_SLOPE = 0.2
# Pixels of the body on each side with which tiles differ from the whole by .06 of a level of 255 at most, as measured
# with Real-ESRGAN's x4plus on four photos; with 32 by 19 levels, with 64 by 1.2, with 80 by .23.
_EFFECTIVE_HALO = 96


class DenseBlock(nn.Module):
    """Five convolutions, each of which sees the input and all results before it."""

    growth: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """[N, H, W, features] to the same shape."""
        seen = [x]
        for i in range(1, 5):
            grown = Convolution(self.growth, 3, dtype=self.dtype, name=f"conv_{i}")(*seen)
            seen.append(nn.leaky_relu(grown, _SLOPE))
        return x + _RESIDUAL * Convolution(x.shape[-1], 3, dtype=self.dtype, name="conv_5")(*seen)


class RRDBNet(nn.Module):
    """Residual-in-residual dense blocks without batch norms; 16,697,987 parameters as published, 4,467,779 with 6.

    It always enlarges fourfold: at ×2 and ×1 its input is first unshuffled, by 2 and by 4, into 12 and 48 channels.

    Attributes:
      scale: 1, 2 or 4.
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
    def unshuffle(self) -> int:
        """Side of the squares of LR pixels that become channels; tiles begin and end at multiples of it."""
        if self.scale not in (1, 2, 4):
            raise InputError(f"RRDBNet has no scale {self.scale}: choose 1, 2 or 4")
        return 4 // self.scale

    @property
    def reach(self) -> int:
        """LR pixels on each side that an output pixel can depend on at all, counted from its square of `unshuffle`."""
        return (1 + 15 * self.blocks + 1 + 2) * self.unshuffle

    @property
    def halo(self) -> int:
        """LR pixels on each side that tiles get: all that an output pixel depends on, or 96 of the body's pixels.

        Deep networks reach hundreds of pixels far, but what comes from there has passed residuals of 0.2² a block.
        """
        return min(self.reach, _EFFECTIVE_HALO * self.unshuffle)

    @property
    def upsampling_halo(self) -> int:
        """That of the second half alone, in pixels of features."""
        return 2

    @property
    def layers_held(self) -> int:
        """Layers of features that the first half holds at once, as `jaxsr.upscaling.engine.working_bytes` counts."""
        return 8

    @nn.compact
    def __call__(
        self, x: jax.Array, *, train: bool = False, half: Literal["features", "upsampling"] | None = None
    ) -> jax.Array:
        """Upscale.

        Args:
          x: LR [N, H, W, 3] float in [0, 1]; sides that are no multiples of `unshuffle` are mirrored to the next one.
            For the second half the features.
          train: changes nothing.
          half: only the part before the upsampling, or only from there on; None for both.

        Returns:
          SR [N, H·scale, W·scale, 3] float32 in [−1, 1] (it can step outside); of the first half
          [N, ⌈H/unshuffle⌉, ⌈W/unshuffle⌉, features], and of the second half four times as many pixels as it got.
        """
        if half == "upsampling":
            return self._upsample(x)
        y = self._extract(x)
        if half == "features":
            return y
        return self._upsample(y)[:, : x.shape[1] * self.scale, : x.shape[2] * self.scale]

    def _extract(self, x):
        conv = partial(Convolution, self.features, 3, dtype=self.dtype)
        # Bottom and right and by reflection, as Real-ESRGAN does.
        margins = [(0, -side % self.unshuffle) for side in x.shape[1:3]]
        x = jnp.pad(x, [(0, 0), *margins, (0, 0)], mode="reflect")
        first = y = conv(name="conv_first")(pixel_unshuffle(x, self.unshuffle).astype(self.dtype))
        for i in range(self.blocks):
            inner = y
            for j in (1, 2, 3):
                inner = DenseBlock(self.growth, self.dtype, name=f"block_{i}_dense_{j}")(inner)
            y = y + _RESIDUAL * inner
        return first + conv(name="conv_body")(y)

    def _upsample(self, y):
        conv = partial(Convolution, self.features, 3, dtype=self.dtype)
        lrelu = partial(nn.leaky_relu, negative_slope=_SLOPE)
        for i in (0, 1):
            y = lrelu(conv(name=f"upconv_{i}")(_nearest(y)))
        y = lrelu(conv(name="conv_hr")(y))
        # In float32 whatever dtype is: eight bits of mantissa would show as banding in the picture.
        return 2 * Convolution(3, 3, name="conv_last")(y) - 1


def _nearest(x):
    return x.repeat(2, axis=1).repeat(2, axis=2)
