"""What an output pixel depends on, found by gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsr.models import ESPCN, SRCNN, Compact, MSRResNet, RRDBNet, SRResNet
from jaxsr.upscaling.engine import Interpolation

EXACT = [SRResNet(scale, 4, blocks) for scale, blocks in ((2, 1), (3, 2), (4, 1), (8, 2))]
EXACT += [MSRResNet(scale, 4, blocks) for scale, blocks in ((2, 2), (3, 1), (4, 1))]
EXACT += [ESPCN(2), ESPCN(8), Compact(3, 4, 2), RRDBNet(4, 4, 2, 1), Interpolation("bicubic")]


def reach(model):
    """The largest distance in LR pixels from an HR pixel's LR pixel to one that moves it, over all sub-pixels.

    Every kernel is positive and on the same scale, so that no path cancels or vanishes in float32.
    """
    size = 2 * (model.halo + 3) + 1
    x = jnp.full((1, size, size, 3), 1e-3)
    shapes = jax.eval_shape(model.init, jax.random.key(0), x)

    def fill(path, leaf):
        if path[-1].key == "kernel":
            return jnp.full(leaf.shape, 1 / (leaf.shape[0] * leaf.shape[2]))
        return jnp.full(leaf.shape, 1.0 if path[-1].key in ("scale", "var", "slope") else 0.0)

    variables = jax.tree.map_with_path(fill, shapes)
    middle, scale = size // 2, model.scale
    cell = slice(middle * scale, (middle + 1) * scale)
    gradient = jax.jit(jax.grad(lambda x: model.apply(variables, x)[0, cell, cell].sum()))(x)[0]
    rows, columns, _ = np.nonzero(np.asarray(gradient))
    distances = np.abs(np.concatenate([rows, columns]) - middle)
    assert np.all(np.isfinite(gradient))
    return distances.max()


@pytest.mark.parametrize("model", EXACT, ids=lambda model: f"{type(model).__name__} ×{model.scale}")
def test_a_network_reaches_exactly_as_far_as_its_halo(model):
    assert reach(model) == model.halo


def test_the_papers_srresnet_reaches_40_pixels():
    assert SRResNet().halo == 40


@pytest.mark.parametrize("kernels", [(9, 1, 5), (9, 5, 5)], ids=str)
@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_srcnn_reaches_no_further_than_its_halo(scale, kernels):
    model = SRCNN(scale=scale, kernels=kernels)
    # The sum of two reaches rounded up: one pixel too many where the roundings coincide.
    assert model.halo - 1 <= reach(model) <= model.halo
