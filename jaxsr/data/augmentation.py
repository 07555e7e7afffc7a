"""Flips and quarter turns of crops, inside the compiled training step."""

import jax
import jax.numpy as jnp


def augment(key: jax.Array, crops: jax.Array) -> jax.Array:
    """Apply one of the 8 flips and quarter turns of the square to each image, all equally likely.

    Args:
      key: random key.
      crops: [B, S, S, C], any type and range.

    Returns:
      The same shape and type.
    """
    # Two mirrors and a transposition generate the group: each choice of the three bits gives another member.
    mirrored, turned_over, transposed = jax.random.bernoulli(key, shape=(3, crops.shape[0], 1, 1, 1))
    crops = jnp.where(mirrored, crops[:, :, ::-1], crops)
    crops = jnp.where(turned_over, crops[:, ::-1], crops)
    return jnp.where(transposed, crops.swapaxes(1, 2), crops)
