"""Sharpened originals: as targets, they keep a network from learning the softness of its photos."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxsr.data.degradation.products import exact_einsum
from jaxsr.imaging.resize import gaussian_matrix

RADIUS, SIGMA = 25, 8.0
WEIGHT, THRESHOLD = 0.5, 10.0


def sharpened(images: jax.Array) -> jax.Array:
    """Unsharp masking around edges (Wang et al. 2021, section 3.4, and `USMSharp` in its code).

    Half of the difference between the picture and its wide Gaussian blur is added, but only around places where the
    difference is more than ten levels, so that the grain of flat areas is not amplified.

    Args:
      images: [B, H, W, C] in [0, 1].

    Returns:
      The same shape, in [0, 1].
    """
    rows, columns = (np.float32(gaussian_matrix(side, sigma=SIGMA, reach=RADIUS)) for side in images.shape[1:3])

    def blurred(values):
        return exact_einsum("ih,bhwc,jw->bijc", rows, values, columns)

    taken = images - blurred(images)
    mask = blurred(jnp.float32(jnp.abs(taken) * 255 > THRESHOLD))
    return images + mask * (jnp.clip(images + WEIGHT * taken, 0, 1) - images)
