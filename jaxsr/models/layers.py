"""Building blocks shared by the networks."""

import math
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp

# Of RGB in [0, 1], as torchvision's networks expect it.
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
NORM_EPSILON = 1e-5

BatchNorm = partial(nn.BatchNorm, momentum=0.9, epsilon=NORM_EPSILON)


def imagenet_normalised(unit: jax.Array) -> jax.Array:
    """RGB [..., 3] in [0, 1], minus ImageNet's mean and divided by its deviation, as torchvision does."""
    return (unit - jnp.array(IMAGENET_MEAN)) / jnp.array(IMAGENET_DEVIATION)


def pixel_shuffle(x: jax.Array, factor: int) -> jax.Array:
    """Rearrange channels into sub-pixels (Shi et al. 2016, equation 4), in PyTorch's channel order.

    Args:
      x: [N, H, W, C·factor²]. Channel c·factor² + i·factor + j becomes row offset i and column offset j of channel c.
      factor: enlargement along each axis.

    Returns:
      [N, H·factor, W·factor, C].
    """
    n, height, width, channels = x.shape
    out = channels // factor**2
    x = x.reshape(n, height, width, out, factor, factor)
    return x.transpose(0, 1, 4, 2, 5, 3).reshape(n, height * factor, width * factor, out)


def pixel_unshuffle(x: jax.Array, factor: int) -> jax.Array:
    """The inverse of `pixel_shuffle`, from [N, H·factor, W·factor, C] to [N, H, W, C·factor²]."""
    n, height, width, channels = x.shape
    x = x.reshape(n, height // factor, factor, width // factor, factor, channels)
    return x.transpose(0, 1, 3, 5, 2, 4).reshape(n, height // factor, width // factor, channels * factor**2)


def shuffle_factors(scale: int) -> tuple[int, ...]:
    """The factor of each pixel shuffle of a network that upscales by 2, 3, 4 or 8: twos, or one three."""
    return (3,) if scale == 3 else (2,) * round(math.log2(scale))


def upsampling_reach(factors: tuple[int, ...], *, after: int) -> int:
    """Pixels on each side, before the first shuffle, that an output pixel can depend on.

    Args:
      factors: of the pixel shuffles, each of which follows a 3×3 convolution.
      after: pixels on each side that the convolutions after the last shuffle see.
    """
    reach, pixel = 0.0, 1.0
    for factor in factors:
        reach += pixel
        pixel /= factor
    return math.ceil(reach + after * pixel)


class PReLU(nn.Module):
    """Parametric ReLU (He et al. 2015, section 2.1). Slopes start at 0.25.

    Attributes:
      per_channel: whether each channel has its own slope; otherwise all share one.
    """

    per_channel: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Scale the negative part of x by the learned slope. Shape and dtype stay the same."""
        shape = x.shape[-1:] if self.per_channel else ()
        slope = self.param("slope", nn.initializers.constant(0.25), shape, jnp.float32)
        # Computed in float32 whatever dtype x has: the slope's gradient is a sum over all pixels.
        return jnp.where(x >= 0, x, (slope * x.astype(jnp.float32)).astype(x.dtype))
