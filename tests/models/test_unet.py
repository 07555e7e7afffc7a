"""The U-Net discriminator against PyTorch: its layers, and singular values by a decomposition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_networks import images, random_variables

from jaxsr.imaging.resize import doubled
from jaxsr.models.unet import Halving, UNetDiscriminator

torch = pytest.importorskip("torch", reason="the oracle is PyTorch: pip install '.[oracles]'")
import torch_twins  # noqa: E402

FEATURES = 8


def planes(x):
    return torch.from_numpy(np.asarray(x).transpose(0, 3, 1, 2).copy())


def test_it_has_the_parameters_of_the_published_one():
    shapes = jax.eval_shape(lambda: UNetDiscriminator().init(jax.random.key(0), jnp.zeros((1, 16, 16, 3)), train=False))
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes["params"])) == 4_376_897
    assert torch_twins.parameter_count(torch_twins.UNetDiscriminator()) == 4_376_897


def test_with_settled_power_iterations_it_is_the_normalised_twin():
    model = UNetDiscriminator(FEATURES)
    variables = random_variables(model, side=16, train=False)
    x = 2 * images(2, 32, 24) - 1
    step = jax.jit(lambda stats: model.apply({**variables, "batch_stats": stats}, x, train=True, mutable="batch_stats"))
    start = stats = variables["batch_stats"]
    for i in range(200):
        logits, changed = step(stats)
        stats = changed["batch_stats"]
        if i == 0:
            # Each pass takes one step of the iteration.
            u, moved = (np.asarray(each["norm_5"]["conv_5/kernel/u"]) for each in (start, stats))
            weight = variables["params"]["conv_5"]["kernel"].reshape(-1, u.shape[-1])
            expected = u @ weight.T @ weight
            np.testing.assert_allclose(moved, expected / np.linalg.norm(expected), atol=1e-5)
    twin = torch_twins.load(torch_twins.UNetDiscriminator(FEATURES), {"params": variables["params"]})
    with torch.no_grad():
        for i in range(1, 9):
            weight = twin.get_submodule(f"conv_{i}").weight
            weight /= torch.linalg.matrix_norm(weight.flatten(1), 2)
        theirs = twin(planes(x)).numpy()
    assert logits.shape == (2, 32, 24)
    np.testing.assert_allclose(logits, theirs, rtol=1e-3, atol=1e-4)


def test_inference_leaves_the_power_iterations_alone():
    model = UNetDiscriminator(2)
    variables = random_variables(model, side=16, train=False)
    judge = jax.jit(lambda x: model.apply(variables, x, train=False, mutable="batch_stats"))
    _, kept = judge(images(1, 16, 16))
    jax.tree.map(np.testing.assert_array_equal, kept["batch_stats"], variables["batch_stats"])


def test_halving_is_pytorchs_convolution_and_so_are_its_gradients():
    model = Halving(5)
    variables, x = random_variables(model), images(2, 10, 12)
    kernel = torch.from_numpy(variables["params"]["kernel"].transpose(3, 2, 0, 1).copy()).requires_grad_()
    pixels = planes(x).requires_grad_()
    theirs = torch.nn.functional.conv2d(pixels, kernel, stride=2, padding=1)
    (theirs**2).sum().backward()
    loss = lambda variables, x: (model.apply(variables, x) ** 2).sum()  # noqa: E731
    to_variables, to_x = jax.grad(loss, argnums=(0, 1))(variables, x)
    np.testing.assert_allclose(
        model.apply(variables, x).transpose(0, 3, 1, 2), theirs.detach().numpy(), rtol=1e-4, atol=1e-5
    )
    ours = to_variables["params"]["kernel"].transpose(3, 2, 0, 1)
    np.testing.assert_allclose(ours, kernel.grad.numpy(), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(to_x.transpose(0, 3, 1, 2), pixels.grad.numpy(), rtol=1e-3, atol=1e-3)


def test_doubling_is_pytorchs_bilinear():
    x = images(2, 5, 7)
    theirs = torch.nn.functional.interpolate(planes(x), scale_factor=2, mode="bilinear", align_corners=False)
    np.testing.assert_allclose(doubled(jnp.asarray(x)).transpose(0, 3, 1, 2), theirs.numpy(), atol=1e-6)
