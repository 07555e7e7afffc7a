"""What is made of products is the convolution and its gradients, and accelerators do not see it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxsr.models import convolution
from jaxsr.models.convolution import conv_general_dilated
from jaxsr.training.devices import make_mesh, replicated, sharded_batches

NUMBERS = ("NHWC", "HWIO", "NHWC")


@pytest.fixture(params=[False, True], ids=["narrow vectors", "AVX-512"])
def wide_vectors(request, monkeypatch):
    """As on a processor with and without AVX-512, its bfloat16 products and AMX, whichever this one is."""
    for feature in ("_AVX512", "_BFLOAT16", "_AMX"):
        monkeypatch.setattr(convolution, feature, request.param)
    return request.param


def random(*shape, seed):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape, np.float32))


def loss(convolve, x, kernel):
    # Uneven weights, so that no symmetry hides a flipped or shifted kernel.
    y = convolve(x, kernel, (1, 1), "SAME", dimension_numbers=NUMBERS)
    return (y * jnp.cos(jnp.arange(y.size)).reshape(y.shape)).sum()


@pytest.mark.parametrize(
    ("side", "inputs", "outputs"),
    [(3, 4, 16), (9, 8, 3), (5, 8, 3), (1, 2, 3), (3, 4, 4), (3, 16, 16), (3, 16, 24), (3, 24, 16)],
)
def test_values_and_gradients_are_those_of_lax(wide_vectors, side, inputs, outputs):
    x, kernel = random(2, 7, 11, inputs, seed=0), random(side, side, inputs, outputs, seed=1)
    ours, theirs = (
        jax.value_and_grad(lambda *arrays: loss(convolve, *arrays), argnums=(0, 1))(x, kernel)  # noqa: B023
        for convolve in (conv_general_dilated, lax.conv_general_dilated)
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), ours, theirs)


@pytest.mark.parametrize("size", [(4, 6), (5, 4), (1, 1), (24, 24)])
def test_tiles_fit_any_size(monkeypatch, size):
    monkeypatch.setattr(convolution, "_AVX512", False)
    x, kernel = random(2, *size, 16, seed=0), random(3, 3, 16, 16, seed=1)
    ours, theirs = (
        jax.grad(lambda *arrays: loss(convolve, *arrays), argnums=(0, 1))(x, kernel)  # noqa: B023
        for convolve in (conv_general_dilated, lax.conv_general_dilated)
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=3e-4), ours, theirs)


@pytest.mark.parametrize("channels", [(8, 32), (16, 16), (16, 24), (24, 16)])
def test_bfloat16_gives_gradients_of_its_own_dtype(wide_vectors, channels):
    arrays = random(2, 7, 11, channels[0], seed=0), random(3, 3, *channels, seed=1)
    short = [array.astype(jnp.bfloat16) for array in arrays]
    gradients = jax.grad(lambda *a: loss(conv_general_dilated, *a).astype(jnp.float32), argnums=(0, 1))(*short)
    short = [array.astype(jnp.float32) for array in short]
    expected = jax.grad(lambda *a: loss(lax.conv_general_dilated, *a), argnums=(0, 1))(*short)
    for ours, theirs in zip(gradients, expected, strict=True):
        assert ours.dtype == jnp.bfloat16
        np.testing.assert_allclose(ours.astype(jnp.float32), theirs, rtol=0.05, atol=0.1 * float(theirs.std()))


def test_two_devices_sum_their_gradients(wide_vectors):
    mesh = make_mesh(2, batch_size=4)
    x, kernel = random(4, 8, 8, 16, seed=0), random(3, 3, 16, 16, seed=1)
    gradient = jax.jit(jax.grad(lambda kernel, x: loss(conv_general_dilated, x, kernel)))
    shared = gradient(replicated(kernel, mesh), sharded_batches(np.asarray(x)[None], mesh)[0])
    assert len(shared.sharding.device_set) == 2
    np.testing.assert_allclose(shared, gradient(kernel, x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("kernel", "arguments"),
    [
        ((2, 2), {}),
        ((3, 1), {}),
        ((3, 3), {"strides": (2, 2)}),
        ((3, 3), {"padding": "VALID"}),
        ((3, 3), {"rhs_dilation": (2, 2)}),
        ((3, 3), {"precision": "highest"}),
    ],
)
def test_other_convolutions_are_refused(kernel, arguments):
    arguments = {"strides": (1, 1), "padding": "SAME"} | arguments
    with pytest.raises(ValueError, match="kernel"):
        conv_general_dilated(random(1, 8, 8, 4, seed=0), random(*kernel, 4, 4, seed=1), **arguments)


def programs(channels, *, height, dtype=jnp.float32):
    """The value and both gradients, for each platform."""
    step = jax.jit(jax.value_and_grad(lambda *arrays: loss(conv_general_dilated, *arrays), argnums=(0, 1)))
    inputs, outputs = channels
    shapes = [jax.ShapeDtypeStruct(shape, dtype) for shape in ((2, height, 8, inputs), (3, 3, inputs, outputs))]
    return [step.trace(*shapes).lower(lowering_platforms=(name,)).as_text() for name in ("cpu", "cuda")]


@pytest.mark.parametrize(
    ("channels", "height", "convolutions"),
    # Of few channels, or too large for the caches: only the weight gradient is made of products.
    [((16, 16), 8, 0), ((8, 32), 8, 2), ((64, 64), 8 * 256, 2), ((128, 128), 8 * 256, 0)],
)
def test_a_cpu_multiplies_and_an_accelerator_convolves(wide_vectors, channels, height, convolutions):
    cpu, cuda = programs(channels, height=height)
    assert cuda.count("stablehlo.convolution") == 3
    assert "stablehlo.dot_general" not in cuda
    assert cpu.count("stablehlo.convolution") == (2 if wide_vectors else convolutions)
    assert "stablehlo.dot_general" in cpu


@pytest.mark.parametrize(
    ("amx", "channels", "convolutions"),
    [
        *[(False, (16, 16), 0), (False, (16, 32), 1), (False, (32, 16), 1), (False, (3, 16), 2)],
        *[(True, (16, 16), 0), (True, (16, 32), 0), (True, (32, 16), 0), (True, (3, 16), 2)],
    ],
)
def test_bfloat16_is_multiplied_where_that_pays(monkeypatch, amx, channels, convolutions):
    """Forward, and the input gradient, which is the convolution with inputs and outputs exchanged."""
    monkeypatch.setattr(convolution, "_AVX512", True)
    monkeypatch.setattr(convolution, "_BFLOAT16", True)
    monkeypatch.setattr(convolution, "_AMX", amx)
    cpu, cuda = programs(channels, height=8, dtype=jnp.bfloat16)
    assert cpu.count("stablehlo.convolution") == convolutions
    assert cuda.count("stablehlo.convolution") == 3
    assert "stablehlo.dot_general" not in cuda


@pytest.mark.parametrize(("side", "size"), [(1, (4, 5)), (3, (1, 1)), (3, (5, 8)), (9, (7, 3))])
@pytest.mark.parametrize("outputs", [16, 24])
def test_products_in_bfloat16_are_the_convolution(monkeypatch, side, size, outputs):
    for feature in ("_AVX512", "_BFLOAT16", "_AMX"):
        monkeypatch.setattr(convolution, feature, True)
    x, kernel = random(2, *size, 40 - outputs, seed=0), random(side, side, 40 - outputs, outputs, seed=1)
    x, kernel = x.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16)
    ours = conv_general_dilated(x, kernel, (1, 1), "SAME")
    exact = (array.astype(jnp.float32) for array in (x, kernel))
    theirs = lax.conv_general_dilated(*exact, (1, 1), "SAME", dimension_numbers=NUMBERS)
    assert ours.dtype == jnp.bfloat16
    np.testing.assert_allclose(ours.astype(jnp.float32), theirs, rtol=2**-8, atol=1e-3)
