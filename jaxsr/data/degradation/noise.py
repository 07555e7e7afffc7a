"""Noise of sensors and films: Gaussian and Poisson, in colour and in gray."""

import jax
import jax.numpy as jnp

# Counts of a Poisson process that white stands for, as for pictures of 8 bits (Wang et al. 2021).
WHITE_COUNTS = 256


def noisy(key: jax.Array, images: jax.Array, sigma: jax.Array, poisson: jax.Array, gray: jax.Array) -> jax.Array:
    """Add noise that does not depend on the picture, and noise that grows with its brightness.

    Poisson noise is that of counts of which white has `WHITE_COUNTS`, times its scale. It is drawn from the Gaussian of
    the same mean and variance, which differs visibly only where the counts are below about ten.

    Args:
      key: random key.
      images: [B, H, W, 3] in [0, 1].
      sigma: [B] standard deviation of the Gaussian noise, in levels of 255; 0 for none.
      poisson: [B] scale of the Poisson noise (Wang et al. 2021, section 3.2); 0 for none.
      gray: [B] bool, the same noise in all three channels.

    Returns:
      The same shape, clipped to [0, 1].
    """
    sigma, poisson, gray = (value[:, None, None, None] for value in (sigma, poisson, gray))
    brightness = jnp.where(gray, images.mean(axis=-1, keepdims=True), images)
    deviation = jnp.sqrt((sigma / 255) ** 2 + poisson**2 * jnp.maximum(brightness, 0) / WHITE_COUNTS)
    drawn = jax.random.normal(key, images.shape)
    return jnp.clip(images + deviation * jnp.where(gray, drawn[..., :1], drawn), 0, 1)
