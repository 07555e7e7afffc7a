"""Losses, elementwise; the caller averages."""

import jax
import jax.numpy as jnp


def squared_error(prediction: jax.Array, target: jax.Array) -> jax.Array:
    """(prediction − target)², shape kept; its mean is the paper's MSE loss (Ledig et al. 2017, equation 4)."""
    return jnp.square(prediction - target)


def absolute_error(prediction: jax.Array, target: jax.Array) -> jax.Array:
    """|prediction − target|, shape kept; its mean is the L1 loss."""
    return jnp.abs(prediction - target)


PIXEL_LOSSES = {"mse": squared_error, "l1": absolute_error}
