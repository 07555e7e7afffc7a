"""MSRResNet, BasicSR's generator without batch norms (Wang et al. 2018, arXiv 1809.00219, section 4.1)."""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxsr.errors import InputError
from jaxsr.imaging.resize import resize
from jaxsr.kernels import Convolution
from jaxsr.models.layers import pixel_shuffle, shuffle_factors, upsampling_reach
from jaxsr.models.network import Network

# The slope of the leaky ReLUs.
SLOPE = 0.1


class MSRResNet(Network):
    """Residual blocks and pixel shuffles, for ported weights. The bilinearly enlarged input is added to the output.

    Attributes:
      scale: 2, 3 or 4.
      features: channels of the body.
      blocks: number of residual blocks.
      dtype: dtype of computation. Parameters and the last convolution stay float32.
    """

    scales = (2, 3, 4)

    scale: int = 4
    features: int = 64
    blocks: int = 16
    dtype: Any = jnp.float32

    @property
    def upscaling_stages(self) -> tuple[int, ...]:
        """The factor of each pixel shuffle, in order."""
        if self.scale not in self.scales:
            raise InputError(f"MSRResNet has no scale {self.scale}: choose 2, 3 or 4")
        return shuffle_factors(self.scale)

    @property
    def halo(self) -> int:
        """Number of LR pixels on each side that an output pixel can depend on."""
        return 1 + 2 * self.blocks + upsampling_reach(self.upscaling_stages, after=2)

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        """Upscale [N, H, W, 3] in [0, 1] to [N, H·scale, W·scale, 3] float32 in [−1, 1]; `train` has no effect."""
        conv = partial(Convolution, side=3, dtype=self.dtype)
        wide = partial(conv, self.features)
        lrelu = partial(nn.leaky_relu, negative_slope=SLOPE)
        y = lrelu(wide(name="conv_first")(x))
        for i in range(self.blocks):
            y = y + wide(name=f"block_{i}_conv_2")(nn.relu(wide(name=f"block_{i}_conv_1")(y)))
        for i, factor in enumerate(self.upscaling_stages):
            y = lrelu(pixel_shuffle(conv(self.features * factor**2, name=f"upconv_{i}")(y), factor))
        y = lrelu(wide(name="conv_hr")(y))
        y = Convolution(3, 3, name="conv_last")(y)
        return 2 * (y + resize(x, self.scale, kernel="bilinear")) - 1
