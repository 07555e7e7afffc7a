"""ESPCN (Shi et al. 2016, arXiv 1609.05158, section 3.2)."""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxsr.kernels import Convolution
from jaxsr.models.layers import pixel_shuffle
from jaxsr.models.network import Network


class ESPCN(Network):
    """Convolutions 5×5×64 and 3×3×32 with tanh, then 3×3×(3·scale²) and one pixel shuffle, on RGB.

    Attributes:
      scale: 2, 3, 4 or 8.
      dtype: dtype of computation. Parameters and the last convolution stay float32.
    """

    scale: int = 4
    dtype: Any = jnp.float32

    @property
    def halo(self) -> int:
        """Number of LR pixels on each side that an output pixel can depend on."""
        return 4

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        """Upscale [N, H, W, 3] in [0, 1] to [N, H·scale, W·scale, 3] float32 in [−1, 1]; `train` has no effect."""
        del train
        conv = partial(Convolution, dtype=self.dtype)
        x = jnp.tanh(conv(64, 5, name="conv_first")(x))
        x = jnp.tanh(conv(32, 3, name="conv_map")(x))
        return pixel_shuffle(Convolution(3 * self.scale**2, 3, name="conv_last")(x), self.scale)
