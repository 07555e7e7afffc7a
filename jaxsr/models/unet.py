"""The U-Net discriminator of Real-ESRGAN (Wang et al. 2021, arXiv 2107.10833, section 3.4)."""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxsr.imaging.resize import doubled
from jaxsr.kernels import Convolution, torch_uniform
from jaxsr.kernels.convolution import convolved


class Halving(nn.Module):
    """A 4×4 convolution with stride 2 and PyTorch's padding of 1, without bias."""

    features: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Map [N, H, W, C], H and W even, to [N, H/2, W/2, features]."""
        kernel = self.param("kernel", torch_uniform, (4, 4, x.shape[-1], self.features), jnp.float32)
        # A 5×5 kernel that is centred on a pixel and has a first row and column of zeros gives the same numbers.
        centred = jnp.pad(kernel, ((1, 0), (1, 0), (0, 0), (0, 0)))
        return convolved(x, centred, stride=2, may_tile=True, dtype=self.dtype)


class UNetDiscriminator(nn.Module):
    """A discriminator that judges each pixel. With 64 features there are 4,376,897 parameters.

    All kernels but the first and the last are divided by their largest singular value (spectral normalisation,
    Miyato et al. 2018). One power iteration a pass estimates it; its vectors are in "batch_stats".

    Attributes:
      features: channels of the first convolution. The deepest ones have eight times as many.
      dtype: dtype of computation. Parameters are float32.
    """

    features: int = 64
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Judge how real images look at each pixel.

        Args:
          x: [N, H, W, 3] in [−1, 1], H and W multiples of 8.
          train: take one step of the power iterations ("batch_stats" must be mutable).

        Returns:
          Logits [N, H, W] float32. Positive means real.
        """

        def normalised(layer):
            return partial(nn.SpectralNorm(layer, name=layer.name.replace("conv", "norm")), update_stats=train)

        conv = partial(Convolution, side=3, may_tile=True, dtype=self.dtype)
        x = nn.leaky_relu(conv(self.features, name="conv_0")(x), 0.2)
        skips = []
        for i in (1, 2, 3):
            skips.append(x)
            halving = Halving(self.features * 2**i, self.dtype, name=f"conv_{i}")
            x = nn.leaky_relu(normalised(halving)(x), 0.2)
        for i in (4, 5, 6):
            widened = conv(self.features * 2 ** (6 - i), use_bias=False, name=f"conv_{i}")
            x = nn.leaky_relu(normalised(widened)(doubled(x)), 0.2) + skips.pop()
        for i in (7, 8):
            last = conv(self.features, use_bias=False, name=f"conv_{i}")
            x = nn.leaky_relu(normalised(last)(x), 0.2)
        return conv(1, name="conv_9")(x)[..., 0].astype(jnp.float32)
