"""Losses on pixels (elementwise), on feature maps and on the discriminator's logits (means)."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jax.nn import softplus


def squared_error(prediction: jax.Array, target: jax.Array) -> jax.Array:
    """(prediction − target)², of the same shape. Its mean is the MSE loss of Ledig et al. 2017, equation 4."""
    return jnp.square(prediction - target)


def absolute_error(prediction: jax.Array, target: jax.Array) -> jax.Array:
    """|prediction − target|, of the same shape. Its mean is the L1 loss."""
    return jnp.abs(prediction - target)


PIXEL_LOSSES = {"mse": squared_error, "l1": absolute_error}


def content_loss(
    sr: Mapping[str, jax.Array], hr: Mapping[str, jax.Array], weights: Mapping[str, float], *, loss: str = "mse"
) -> jax.Array:
    """Distance between feature maps (Ledig et al. 2017, equation 5): the weighted sum of the mean errors of the taps.

    Args:
      sr: {tap: features} of the upscaled images.
      hr: {tap: features} of the originals.
      weights: {tap: weight}.
      loss: a key of `PIXEL_LOSSES`.

    Returns:
      A scalar.
    """
    return jnp.asarray(sum(weight * PIXEL_LOSSES[loss](sr[tap], hr[tap]).mean() for tap, weight in weights.items()))


def discriminator_loss(
    real: jax.Array, fake: jax.Array, *, adversarial: str = "bce", label_smoothing: float = 0.0
) -> jax.Array:
    """Mean cross-entropy of the discriminator on real and fake crops.

    Args:
      real: logits [N] of original crops.
      fake: logits [N] of upscaled crops.
      adversarial: "bce" is the sum of both means (Ledig et al. 2017, equation 2, negated). "relativistic" subtracts the
        mean logit of the other kind from each logit, and averages both means (Wang et al. 2018, ESRGAN, equation 1;
        the factor 1/2 is that of its code).
      label_smoothing: the target for real crops is 1 minus this (Salimans et al. 2016, section 3.4).

    Returns:
      A scalar.
    """
    real, fake, share = compared(real, fake, adversarial)
    target = 1.0 - label_smoothing
    return share * jnp.mean(target * softplus(-real) + label_smoothing * softplus(real)) + share * jnp.mean(
        softplus(fake)
    )


def adversarial_loss(real: jax.Array, fake: jax.Array, *, adversarial: str = "bce") -> jax.Array:
    """Adversarial loss of the generator.

    Args:
      real: logits [N] of original crops. "bce" ignores them.
      fake: logits [N] of upscaled crops.
      adversarial: "bce" is the mean of −log D(G) (Ledig et al. 2017, equation 6, as a mean). "relativistic" is equation
        2 of ESRGAN (Wang et al. 2018).

    Returns:
      A scalar.
    """
    if adversarial == "bce":
        return jnp.mean(softplus(-fake))
    real, fake, share = compared(real, fake, adversarial)
    return share * jnp.mean(softplus(real)) + share * jnp.mean(softplus(-fake))


def compared(real: jax.Array, fake: jax.Array, adversarial: str) -> tuple[jax.Array, jax.Array, float]:
    """The logits [N] that the loss judges, of real and of fake crops, and the share of each kind in it.

    The relativistic loss judges by how much a logit exceeds the mean of the other kind.
    """
    return (real - fake.mean(), fake - real.mean(), 0.5) if adversarial == "relativistic" else (real, fake, 1.0)
