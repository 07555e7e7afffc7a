import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_networks import images, random_variables

from jaxsr.errors import InputError
from jaxsr.models import ESPCN, MODELS, SRCNN, MSRResNet, RRDBNet, SRResNet
from jaxsr.models.layers import pixel_shuffle

# Counted in PyTorch; ×4 SRResNet is the published network's.
PARAMETERS = [
    pytest.param(SRResNet(scale=2), 1_399_637, id="srresnet_x2"),
    pytest.param(SRResNet(scale=3), 1_584_277, id="srresnet_x3"),
    pytest.param(SRResNet(scale=4), 1_547_350, id="srresnet_x4"),
    pytest.param(SRResNet(scale=8), 1_695_063, id="srresnet_x8"),
    pytest.param(ESPCN(scale=2), 26_796, id="espcn_x2"),
    pytest.param(ESPCN(scale=3), 31_131, id="espcn_x3"),
    pytest.param(ESPCN(scale=4), 37_200, id="espcn_x4"),
    pytest.param(ESPCN(scale=8), 78_816, id="espcn_x8"),
    pytest.param(SRCNN(), 20_099, id="srcnn_9-1-5"),
    pytest.param(SRCNN(kernels=(9, 5, 5)), 69_251, id="srcnn_9-5-5"),
]


@pytest.mark.parametrize(("model", "expected"), PARAMETERS)
def test_parameter_count(model, expected):
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 4, 4, 3)))
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes["params"])) == expected


@pytest.mark.parametrize(("model", "expected"), PARAMETERS)
def test_parameter_count_of_the_pytorch_twin(model, expected):
    pytest.importorskip("torch", reason="the PyTorch twins need the extra `oracles`")
    import torch_twins

    options = {"kernels": model.kernels} if isinstance(model, SRCNN) else {}
    twin = getattr(torch_twins, type(model).__name__)(model.scale, **options)
    assert torch_twins.parameter_count(twin) == expected


def test_pixel_shuffle_puts_channel_c_r2_plus_i_r_plus_j_at_row_i_and_column_j():
    r, channels = 3, 2
    x = np.arange(2 * 2 * r * r * channels, dtype=np.float32).reshape(1, 2, 2, -1)
    y = np.asarray(pixel_shuffle(x, r))
    for row, column, c, i, j in np.ndindex(2, 2, channels, r, r):
        assert y[0, row * r + i, column * r + j, c] == x[0, row, column, c * r * r + i * r + j]


SCALES = {name: (2, 3, 4, 8) for name in MODELS} | {"msrresnet": (2, 3, 4), "rrdbnet": (1, 2, 4)}


def test_each_network_has_these_scales():
    assert {name: model.scales for name, model in MODELS.items()} == SCALES


@pytest.mark.parametrize(("name", "scale"), [(name, scale) for name, each in SCALES.items() for scale in each])
def test_output_is_scale_times_the_input_and_float32(name, scale):
    # The deepest one's 23 blocks are the same one again and again.
    model = MODELS[name](scale=scale, **({"blocks": 1} if name == "rrdbnet" else {}))
    out = jax.eval_shape(lambda x: model.init_with_output(jax.random.key(0), x)[0], jnp.zeros((2, 5, 7, 3)))
    assert out.shape == (2, 5 * scale, 7 * scale, 3)
    assert out.dtype == jnp.float32


@pytest.mark.parametrize("model", [SRResNet(features=8, blocks=2), ESPCN(), SRCNN()], ids=lambda m: type(m).__name__)
def test_bfloat16_computes_nearly_the_same_with_float32_parameters(model):
    half = model.clone(dtype=jnp.bfloat16)
    variables = jax.eval_shape(half.init, jax.random.key(0), jnp.zeros((1, 4, 4, 3)))
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    variables = random_variables(model)
    x = images(2, 12, 10)
    exact, rounded = jax.jit(model.apply)(variables, x), jax.jit(half.apply)(variables, x)
    assert rounded.dtype == jnp.float32
    error = jnp.abs(exact - rounded)
    # bfloat16 keeps 8 bits: an error well below 1/2⁴ of the signal, and not the zero of a dtype that is ignored.
    assert 0 < jnp.max(error) < jnp.std(exact) / 16


@pytest.mark.parametrize(
    "model", [SRResNet(scale=6), MSRResNet(scale=8), RRDBNet(scale=3)], ids=lambda m: type(m).__name__
)
def test_a_scale_without_pixel_shuffles_of_its_own_is_refused(model):
    with pytest.raises(InputError, match=f"no scale {model.scale}"):
        jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 4, 4, 3)))
