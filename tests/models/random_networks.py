"""Random weights and images for tests."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from jaxsr.models import SRResNet
from jaxsr.upscaling.choice import OF_SCALE
from jaxsr.weights import Weights, save_weights


def random_variables(model, seed=0, side=4, **options):
    """Random values everywhere: biases, slopes, γ and β and both statistics of the batch norms included."""
    shapes = jax.eval_shape(partial(model.init, **options), jax.random.key(0), jnp.zeros((1, side, side, 3)))
    leaves, tree = jax.tree.flatten_with_path(shapes)
    rng = np.random.default_rng(seed)

    def draw(path, leaf):
        name = path[-1].key
        if name == "kernel":
            return rng.normal(0, 1 / np.sqrt(np.prod(leaf.shape[:-1])), leaf.shape)
        if name in ("var", "scale"):
            return rng.uniform(0.5, 1.5, leaf.shape)
        return rng.normal(0, 0.3, leaf.shape)

    return jax.tree.unflatten(tree, [np.asarray(draw(path, leaf), np.float32) for path, leaf in leaves])


def save_family(folder, scales):
    """Write small networks by the names of the bundled ones of these scales."""
    for scale in scales:
        model = SRResNet(scale, features=4, blocks=1)
        weights = Weights(model, random_variables(model, seed=scale), {})
        save_weights(folder / f"{OF_SCALE['srresnet'][scale]}.safetensors", weights)


def images(*shape, seed=1):
    return np.random.default_rng(seed).random((*shape, 3), np.float32)
