"""RRDBNet, the generator of ESRGAN and Real-ESRGAN (Wang et al. 2018, arXiv 1809.00219, section 3.1)."""

from functools import partial
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxsr.errors import InputError
from jaxsr.kernels import Convolution
from jaxsr.models.layers import pixel_unshuffle
from jaxsr.models.network import Network

# What residuals are scaled by, and the slope of the leaky ReLUs.
RESIDUAL = 0.2
SLOPE = 0.2
# Pixels of the body on each side that are enough in practice (docs/design/tiles.md has the measurements).
_EFFECTIVE_HALO = 96


class DenseBlock(nn.Module):
    """Five convolutions. Each takes the input and all earlier results."""

    growth: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Map [N, H, W, features] to the same shape."""
        seen = [x]
        for i in range(1, 5):
            grown = Convolution(self.growth, 3, dtype=self.dtype, name=f"conv_{i}")(*seen)
            seen.append(nn.leaky_relu(grown, SLOPE))
        return x + RESIDUAL * Convolution(x.shape[-1], 3, dtype=self.dtype, name="conv_5")(*seen)


class RRDBNet(Network):
    """Residual-in-residual dense blocks without batch norms.

    The published network has 23 blocks and 16,697,987 parameters; with 6 blocks there are 4,467,779. The body always
    enlarges fourfold. At ×2 and ×1 the input is therefore unshuffled first, by 2 and by 4, into 12 and 48 channels.

    Attributes:
      scale: 1, 2 or 4.
      features: channels of the body.
      growth: channels that each convolution of a dense block adds.
      blocks: number of residual blocks, of three dense blocks each.
      dtype: dtype of computation. Parameters and the last convolution stay float32.
    """

    scales = (1, 2, 4)

    scale: int = 4
    features: int = 64
    growth: int = 32
    blocks: int = 23
    dtype: Any = jnp.float32

    @property
    def unshuffle(self) -> int:
        """Side of the squares of LR pixels that become channels. Tiles begin and end at multiples of it."""
        if self.scale not in self.scales:
            raise InputError(f"RRDBNet has no scale {self.scale}: choose 1, 2 or 4")
        return 4 // self.scale

    @property
    def reach(self) -> int:
        """Number of LR pixels on each side that can affect an output pixel at all.

        It is counted from the pixel's square of side `unshuffle`.
        """
        return (1 + 15 * self.blocks + 1 + 2) * self.unshuffle

    @property
    def halo(self) -> int:
        """Number of LR pixels on each side that tiles get: `reach`, but at most 96 of the body's pixels.

        Deep networks reach hundreds of pixels, but each block scales what comes from there by 0.2².
        """
        return min(self.reach, _EFFECTIVE_HALO * self.unshuffle)

    @property
    def upsampling_halo(self) -> int:
        """The halo of the second half alone, in feature pixels."""
        return 2

    @property
    def layers_held(self) -> int:
        """Feature layers in memory at once in the first half, as `jaxsr.upscaling.engine.working_bytes` counts them."""
        return 8

    @nn.compact
    def __call__(
        self, x: jax.Array, *, train: bool = False, half: Literal["features", "upsampling"] | None = None
    ) -> jax.Array:
        """Upscale, or run one half of the network.

        Args:
          x: LR [N, H, W, 3] float in [0, 1]. Sides are extended by mirroring to a multiple of `unshuffle`. For the
            second half, x is the features.
          train: has no effect.
          half: "features" for the part before the upsampling, "upsampling" for the rest, None for both.

        Returns:
          SR [N, H·scale, W·scale, 3] float32 in [−1, 1]; values can lie outside. The first half alone returns
          [N, ⌈H/unshuffle⌉, ⌈W/unshuffle⌉, features]. The second half alone returns four times its input's height and
          width.
        """
        if half == "upsampling":
            return self._upsample(x)
        y = self._extract(x)
        if half == "features":
            return y
        return self._upsample(y)[:, : x.shape[1] * self.scale, : x.shape[2] * self.scale]

    def _extract(self, x):
        conv = partial(Convolution, self.features, 3, dtype=self.dtype)
        # Padded at the bottom and on the right by reflection, as in Real-ESRGAN.
        margins = [(0, -side % self.unshuffle) for side in x.shape[1:3]]
        x = jnp.pad(x, [(0, 0), *margins, (0, 0)], mode="reflect")
        first = y = conv(name="conv_first")(pixel_unshuffle(x, self.unshuffle).astype(self.dtype))
        for i in range(self.blocks):
            inner = y
            for j in (1, 2, 3):
                inner = DenseBlock(self.growth, self.dtype, name=f"block_{i}_dense_{j}")(inner)
            y = y + RESIDUAL * inner
        return first + conv(name="conv_body")(y)

    def _upsample(self, y):
        conv = partial(Convolution, self.features, 3, dtype=self.dtype)
        lrelu = partial(nn.leaky_relu, negative_slope=SLOPE)
        for i in (0, 1):
            y = lrelu(conv(name=f"upconv_{i}")(_nearest(y)))
        y = lrelu(conv(name="conv_hr")(y))
        # In float32 whatever dtype is: the eight bits of bfloat16 would show as banding in the picture.
        return 2 * Convolution(3, 3, name="conv_last")(y) - 1


def _nearest(x):
    return x.repeat(2, axis=1).repeat(2, axis=2)
