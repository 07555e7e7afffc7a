"""SRCNN (Dong et al. 2014, arXiv 1501.00092, section 3.1)."""

import math
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxsr.imaging.resize import resize
from jaxsr.kernels import Convolution
from jaxsr.models.network import Network


class SRCNN(Network):
    """Bicubic upscaling, then 9-1-5 or 9-5-5 convolutions of 64, 32 and 3 filters with ReLU, on RGB.

    Attributes:
      scale: 2, 3, 4 or 8.
      kernels: sides of the three kernels, (9, 1, 5) or (9, 5, 5).
      dtype: dtype of computation. Parameters, the bicubic upscaling and the last convolution stay float32.
    """

    scale: int = 4
    kernels: tuple[int, int, int] = (9, 1, 5)
    dtype: Any = jnp.float32

    @property
    def halo(self) -> int:
        """LR pixels on each side that an output pixel can depend on: the reach of the kernels, and 2 for bicubic."""
        return math.ceil(sum(k // 2 for k in self.kernels) / self.scale) + 2

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        """Upscale [N, H, W, 3] in [0, 1] to [N, H·scale, W·scale, 3] float32 in [−1, 1]; `train` has no effect."""
        del train
        conv = partial(Convolution, dtype=self.dtype)
        x = resize(x.astype(jnp.float32), self.scale)
        for features, side, name in zip((64, 32), self.kernels[:2], ("conv_first", "conv_map"), strict=True):
            x = nn.relu(conv(features, side, name=name)(x))
        return Convolution(3, self.kernels[2], name="conv_last")(x)
