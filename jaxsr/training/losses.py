"""Losses: elementwise ones on pixels, means on features and on the discriminator's logits."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jax.nn import softplus


def squared_error(prediction: jax.Array, target: jax.Array) -> jax.Array:
    """(prediction − target)², shape kept; its mean is the paper's MSE loss (Ledig et al. 2017, equation 4)."""
    return jnp.square(prediction - target)


def absolute_error(prediction: jax.Array, target: jax.Array) -> jax.Array:
    """|prediction − target|, shape kept; its mean is the L1 loss."""
    return jnp.abs(prediction - target)


PIXEL_LOSSES = {"mse": squared_error, "l1": absolute_error}


def content_loss(
    sr: Mapping[str, jax.Array], hr: Mapping[str, jax.Array], weights: Mapping[str, float], *, loss: str = "mse"
) -> jax.Array:
    """Distance between feature maps (Ledig et al. 2017, equation 5): over the taps, the weighted sum of mean errors.

    Args:
      sr: {tap: features} of the upscaled images.
      hr: the same of the originals.
      weights: {tap: weight}.
      loss: a key of `PIXEL_LOSSES`.
    """
    return sum(weight * PIXEL_LOSSES[loss](sr[tap], hr[tap]).mean() for tap, weight in weights.items())


def discriminator_loss(
    real: jax.Array, fake: jax.Array, *, adversarial: str = "bce", label_smoothing: float = 0.0
) -> jax.Array:
    """Mean cross-entropy of the discriminator on both kinds.

    Args:
      real: logits [N] of original crops.
      fake: logits [N] of upscaled ones.
      adversarial: "bce", the sum of both means (Ledig et al. 2017, equation 2, negated); or "relativistic", where each
        logit is taken relative to the mean of the other kind and the two means are averaged (Wang et al. 2018,
        ESRGAN, equation 1; its code has the half).
      label_smoothing: the target for real is 1 minus this (Salimans et al. 2016, section 3.4).
    """
    real, fake, share = _compared(real, fake, adversarial)
    target = 1.0 - label_smoothing
    return share * jnp.mean(target * softplus(-real) + label_smoothing * softplus(real)) + share * jnp.mean(
        softplus(fake)
    )


def adversarial_loss(real: jax.Array, fake: jax.Array, *, adversarial: str = "bce") -> jax.Array:
    """What the generator lowers: mean −log D(G) (Ledig et al. 2017, equation 6, as a mean), or ESRGAN's equation 2.

    Args:
      real: logits [N] of original crops; "bce" does not look at them.
      fake: logits [N] of upscaled ones.
      adversarial: "bce" or "relativistic".
    """
    if adversarial == "bce":
        return jnp.mean(softplus(-fake))
    real, fake, share = _compared(real, fake, adversarial)
    return share * jnp.mean(softplus(real)) + share * jnp.mean(softplus(-fake))


def _compared(real, fake, adversarial):
    return (real - fake.mean(), fake - real.mean(), 0.5) if adversarial == "relativistic" else (real, fake, 1.0)
