"""SRResNet, the generator of SRGAN (Ledig et al. 2017, arXiv 1609.04802, section 2.1 and figure 4)."""

from functools import partial
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxsr.errors import InputError
from jaxsr.kernels import Convolution
from jaxsr.models.layers import BatchNorm, PReLU, imagenet_normalised, pixel_shuffle, shuffle_factors, upsampling_reach
from jaxsr.models.network import Network


class ResidualBlock(nn.Module):
    """Convolution, batch norm, PReLU, convolution, batch norm; the input is added to the result."""

    features: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Map [N, H, W, features] to the same shape."""
        conv = partial(Convolution, self.features, 3, use_bias=False, dtype=self.dtype)
        norm = partial(BatchNorm, use_running_average=not train, dtype=self.dtype)
        y = norm(name="norm_1")(conv(name="conv_1")(x))
        y = PReLU(name="prelu")(y)
        return x + norm(name="norm_2")(conv(name="conv_2")(y))


class SRResNet(Network):
    """The paper's network for scales 2, 3, 4 and 8. At ×4 there are 1,547,350 parameters.

    Fields default to the paper's values. Convolutions that feed a batch norm have no bias.

    Attributes:
      scale: 2, 3, 4 or 8. There are log2(scale) pixel shuffles of ×2, or one of ×3.
      features: channels of the body (64 in the paper).
      blocks: number of residual blocks (16 in the paper).
      output: "linear", or "tanh" to bound the output by [−1, 1].
      body_end: what follows the body's last convolution: "norm" as in the paper, or "prelu" as in some ported networks.
      normalisation: "none", or "imagenet" to normalise the input with ImageNet's mean and deviation, for ported
        networks.
      dtype: dtype of computation. Parameters, statistics and the last convolution stay float32.
    """

    scale: int = 4
    features: int = 64
    blocks: int = 16
    output: Literal["linear", "tanh"] = "linear"
    body_end: Literal["norm", "prelu"] = "norm"
    normalisation: Literal["none", "imagenet"] = "none"
    dtype: Any = jnp.float32

    @property
    def upscaling_stages(self) -> tuple[int, ...]:
        """The factor of each pixel shuffle, in order."""
        if self.scale not in self.scales:
            raise InputError(f"SRResNet has no scale {self.scale}: choose 2, 3, 4 or 8")
        return shuffle_factors(self.scale)

    @property
    def halo(self) -> int:
        """Number of LR pixels on each side that an output pixel can depend on (40 for the paper's ×4)."""
        return 4 + 2 * self.blocks + 1 + self.upsampling_halo

    @property
    def upsampling_halo(self) -> int:
        """The halo of the second half alone, in feature pixels (3 for ×4)."""
        return upsampling_reach(self.upscaling_stages, after=4)

    @nn.compact
    def __call__(
        self, x: jax.Array, *, train: bool = False, half: Literal["features", "upsampling"] | None = None
    ) -> jax.Array:
        """Upscale, or run one half of the network.

        Args:
          x: LR [N, H, W, 3] float in [0, 1]. For the second half, x is the features.
          train: normalise with the batch's statistics and update the running ones ("batch_stats" must be mutable).
          half: "features" for the part before the upsampling, "upsampling" for the rest, None for both.

        Returns:
          SR [N, H·scale, W·scale, 3] float32 in [−1, 1]; a linear output can lie outside. The first half alone returns
          [N, H, W, features].
        """
        y = x if half == "upsampling" else self._extract(x, train=train)
        return y if half == "features" else self._upsample(y)

    def _extract(self, x, *, train):
        conv = partial(Convolution, dtype=self.dtype)
        norm = partial(BatchNorm, use_running_average=not train, dtype=self.dtype)
        if self.normalisation == "imagenet":
            x = imagenet_normalised(x)
        first = PReLU(name="prelu_first")(conv(self.features, 9, name="conv_first")(x))
        body = first
        for i in range(self.blocks):
            body = ResidualBlock(self.features, self.dtype, name=f"block_{i}")(body, train=train)
        body = conv(self.features, 3, use_bias=self.body_end == "prelu", name="conv_body")(body)
        return first + (PReLU(name="prelu_body") if self.body_end == "prelu" else norm(name="norm_body"))(body)

    def _upsample(self, y):
        for i, factor in enumerate(self.upscaling_stages):
            y = Convolution(self.features * factor**2, 3, dtype=self.dtype, name=f"upconv_{i}")(y)
            y = PReLU(name=f"prelu_up_{i}")(pixel_shuffle(y, factor))
        # In float32 whatever dtype is: the eight bits of bfloat16 would show as banding in the picture.
        y = Convolution(3, 9, name="conv_last")(y)
        return jnp.tanh(y) if self.output == "tanh" else y
