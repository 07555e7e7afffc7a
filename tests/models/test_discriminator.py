import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_networks import images, random_variables

from jaxsr.models.discriminator import Discriminator

torch = pytest.importorskip("torch", reason="the oracle is PyTorch: pip install '.[oracles]'")
import torch_twins  # noqa: E402


def parameter_count(model, side):
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), jnp.zeros((1, side, side, 3)), train=False))
    return sum(leaf.size for leaf in jax.tree.leaves(shapes["params"]))


def test_it_has_the_parameters_of_the_paper():
    assert parameter_count(Discriminator(), 96) == 23_563_649
    assert torch_twins.parameter_count(torch_twins.Discriminator()) == 23_563_649
    assert parameter_count(Discriminator(global_pool=True), 96) == parameter_count(Discriminator(global_pool=True), 64)


@pytest.mark.parametrize("global_pool", [False, True])
@pytest.mark.parametrize("train", [False, True])
def test_it_equals_its_twin_in_pytorch(global_pool, train):
    model = Discriminator(features=8, global_pool=global_pool)
    variables = random_variables(model, side=32, train=False)
    twin = torch_twins.load(torch_twins.Discriminator(32, 8, global_pool), variables).train(train)
    x = 2 * images(4, 32, 32) - 1
    with torch.no_grad():
        theirs = twin(torch.from_numpy(x.transpose(0, 3, 1, 2))).numpy()
    ours, changed = model.apply(variables, x, train=train, mutable=["batch_stats"])
    assert ours.shape == (4,)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
    if train:
        mean = twin.get_submodule("norm_3").running_mean.numpy()
        np.testing.assert_allclose(changed["batch_stats"]["norm_3"]["mean"], mean, rtol=1e-4, atol=1e-5)


def test_bfloat16_computes_close_to_float32_and_gives_float32_logits():
    variables = random_variables(Discriminator(features=8), side=32, train=False)
    x = 2 * images(4, 32, 32) - 1
    exact = Discriminator(features=8).apply(variables, x, train=False)
    rounded = Discriminator(features=8, dtype=jnp.bfloat16).apply(variables, x, train=False)
    assert rounded.dtype == jnp.float32
    np.testing.assert_allclose(rounded, exact, atol=0.1 * np.abs(exact).max())
