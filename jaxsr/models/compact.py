"""Compact, Real-ESRGAN's small network for video and animation (SRVGGNetCompact in the code of Wang et al. 2021)."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxsr.kernels import Convolution
from jaxsr.models.layers import PReLU, pixel_shuffle
from jaxsr.models.network import Network


class Compact(Network):
    """A chain of convolutions with PReLUs and one pixel shuffle.

    The input, enlarged by repetition, is added to the output. With 16 convolutions at ×4 there are 621,424 parameters.

    Attributes:
      scale: 2, 3, 4 or 8.
      features: channels of the body.
      convolutions: number of convolutions in the body, between the first and the last one: 16 or 32.
      dtype: dtype of computation. Parameters and the sum with the input stay float32.
    """

    scale: int = 4
    features: int = 64
    convolutions: int = 16
    dtype: Any = jnp.float32

    @property
    def halo(self) -> int:
        """Number of LR pixels on each side that an output pixel can depend on."""
        return self.convolutions + 2

    @property
    def layers_held(self) -> int:
        """Feature layers in memory at once, as `jaxsr.upscaling.engine.working_bytes` counts them."""
        return 4

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        """Upscale [N, H, W, 3] in [0, 1] to [N, H·scale, W·scale, 3] float32 in [−1, 1]; `train` has no effect."""
        y = x.astype(self.dtype)
        for i in range(self.convolutions + 1):
            y = Convolution(self.features, 3, dtype=self.dtype, name=f"conv_{i}")(y)
            y = PReLU(per_channel=True, name=f"prelu_{i}")(y)
        # The last convolution may be rounded too: its result is small beside the input, and so is the rounding.
        y = Convolution(3 * self.scale**2, 3, dtype=self.dtype, name="conv_last")(y)
        y = pixel_shuffle(y.astype(jnp.float32), self.scale)
        return 2 * (y + x.repeat(self.scale, axis=1).repeat(self.scale, axis=2)) - 1
