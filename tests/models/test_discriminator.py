import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_networks import images, random_variables

from jaxsr.kernels import dense_product
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


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_dense_layers_and_their_gradients_are_those_of_flax(dtype):
    x = jax.random.normal(jax.random.key(0), (4, 6))
    ours, theirs = (nn.Dense(3, dtype=dtype, **more) for more in ({"dot_general": dense_product}, {}))
    params = theirs.init(jax.random.key(1), x)

    def loss(dense, params, x):
        return (dense.apply(params, x).astype(jnp.float32) * jnp.arange(12.0).reshape(4, 3)).sum()

    found, expected = (jax.value_and_grad(loss, argnums=(1, 2))(dense, params, x) for dense in (ours, theirs))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-2 if dtype == jnp.bfloat16 else 1e-5), found, expected
    )


def test_other_products_are_refused():
    with pytest.raises(ValueError, match="kernel"):
        dense_product(jnp.zeros((2, 3, 4)), jnp.zeros((4, 5)), (((2,), (0,)), ((), ())))
