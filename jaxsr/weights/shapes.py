"""The tensors that a network needs, and how those of a file differ from them."""

from collections.abc import Mapping, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict


def shapes_of(model: nn.Module, *images: jax.ShapeDtypeStruct) -> dict[str, tuple[int, ...]]:
    """The shapes of a network's variables, by their paths joined by "/"; `images` are its inputs, one if not given."""
    images = images or (jax.ShapeDtypeStruct((1, 8, 8, 3), jnp.float32),)
    shapes = jax.eval_shape(lambda *given: model.init(jax.random.key(0), *given), *images)
    return {name: tuple(value.shape) for name, value in flatten_dict(shapes, sep="/").items()}


def listed(differences: Mapping[str, Sequence[str]], *, most: int) -> str:
    """Differences in words, from {what is wrong: the names of such tensors}; empty if there are none.

    At most `most` names of each kind are written out.
    """
    return "; ".join(f"{len(names)} {what} ({_shortened(names, most)})" for what, names in differences.items() if names)


def _shortened(names, most):
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
