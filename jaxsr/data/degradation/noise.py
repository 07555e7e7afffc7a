"""Noise of sensors and films: Gaussian and Poisson, in colour or in gray."""

import jax
import jax.numpy as jnp

from jaxsr.imaging.color import GRAY_WEIGHTS

# Count of the Poisson process at white, as for pictures of 8 bits (Wang et al. 2021).
WHITE_COUNTS = 256


def noisy(key: jax.Array, images: jax.Array, sigma: jax.Array, poisson: jax.Array, gray: jax.Array) -> jax.Array:
    """Add noise that does not depend on the picture (Gaussian), and noise that grows with its brightness (Poisson).

    Both are those of Wang et al. 2021, section 3.1, noise.

    Poisson noise is the noise of counts, where white has `WHITE_COUNTS` of them, times its scale. It is drawn from a
    Gaussian of the same mean and variance. The two differ visibly only below about ten counts. Gray noise grows with
    the luma of the picture.

    Args:
      key: random key.
      images: [B, H, W, 3] in [0, 1].
      sigma: [B] standard deviation of the Gaussian noise, in levels of 255; 0 for none.
      poisson: [B] scale of the Poisson noise; 0 for none.
      gray: [B] bool, whether all three channels get the same noise.

    Returns:
      The same shape, clipped to [0, 1].
    """
    sigma, poisson, gray = (value[:, None, None, None] for value in (sigma, poisson, gray))
    luma = sum(weight * images[..., i : i + 1] for i, weight in enumerate(GRAY_WEIGHTS))
    brightness = jnp.where(gray, luma, images)
    deviation = jnp.sqrt((sigma / 255) ** 2 + poisson**2 * jnp.maximum(brightness, 0) / WHITE_COUNTS)
    drawn = jax.random.normal(key, images.shape)
    return jnp.clip(images + deviation * jnp.where(gray, drawn[..., :1], drawn), 0, 1)
