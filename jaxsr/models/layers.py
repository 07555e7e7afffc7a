"""Building blocks shared by the networks."""

import flax.linen as nn
import jax
import jax.numpy as jnp

# Of RGB in [0, 1], as torchvision's networks take it.
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def imagenet_normalised(unit: jax.Array) -> jax.Array:
    """RGB [..., 3] in [0, 1] less ImageNet's mean, over its deviation, as torchvision's networks take it."""
    return (unit - jnp.array(IMAGENET_MEAN)) / jnp.array(IMAGENET_DEVIATION)


def pixel_shuffle(x: jax.Array, factor: int) -> jax.Array:
    """Sub-pixel rearrangement (Shi et al. 2016, equation 4), channel order as in PyTorch.

    Args:
      x: [N, H, W, C·factor²]; channel c·factor² + i·factor + j becomes row offset i and column offset j of channel c.
      factor: upscaling per axis.

    Returns:
      [N, H·factor, W·factor, C].
    """
    n, height, width, channels = x.shape
    out = channels // factor**2
    x = x.reshape(n, height, width, out, factor, factor)
    return x.transpose(0, 1, 4, 2, 5, 3).reshape(n, height * factor, width * factor, out)


def pixel_unshuffle(x: jax.Array, factor: int) -> jax.Array:
    """The inverse of `pixel_shuffle`, channel order as in PyTorch.

    Args:
      x: [N, H·factor, W·factor, C].
      factor: reduction per axis.

    Returns:
      [N, H, W, C·factor²].
    """
    n, height, width, channels = x.shape
    x = x.reshape(n, height // factor, factor, width // factor, factor, channels)
    return x.transpose(0, 1, 3, 5, 2, 4).reshape(n, height // factor, width // factor, channels * factor**2)


class PReLU(nn.Module):
    """Parametric ReLU, its slopes 0.25 at the start (He et al. 2015, section 2.1).

    Attributes:
      per_channel: a slope for each channel, in place of one for all.
    """

    per_channel: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Scale the negative part of x by the learned slope; shape and dtype stay."""
        shape = x.shape[-1:] if self.per_channel else ()
        slope = self.param("slope", nn.initializers.constant(0.25), shape, jnp.float32)
        # In float32 whatever x is, so that the slope's gradient, a sum over all pixels, is one of float32.
        return jnp.where(x >= 0, x, (slope * x.astype(jnp.float32)).astype(x.dtype))
