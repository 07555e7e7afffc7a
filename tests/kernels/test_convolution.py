"""What is made by oneDNN and of products is the convolution and its gradients, and accelerators do not see it."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxsr.kernels import Convolution, onednn
from jaxsr.kernels.convolution import added, convolved
from jaxsr.kernels.weight_gradient import weight_gradient

KINDS = {"XLA alone": set(), "oneDNN in float32": {"float32"}, "and bfloat16": {"float32", "bfloat16"}}
SHAPES = [
    # side, channels in and out, stride, height and width
    *[(3, 4, 16, 1, 7, 11), (9, 8, 3, 1, 7, 11), (9, 3, 24, 1, 12, 9), (5, 8, 3, 1, 3, 2), (1, 2, 3, 1, 4, 5)],
    *[(3, 16, 16, 1, 1, 1), (3, 16, 24, 1, 7, 11), (3, 24, 16, 1, 6, 8)],
    *[(3, 16, 24, 2, 8, 11), (3, 24, 16, 2, 7, 12), (5, 16, 16, 3, 10, 9)],
    *[(1, 16, 16, 2, 8, 8), (3, 16, 16, 3, 9, 10)],
]


@pytest.fixture(params=KINDS)
def kind(request, monkeypatch):
    """As on a processor with so much of oneDNN, where this one has as much."""
    if not KINDS[request.param] <= onednn.DTYPES:
        pytest.skip(f"oneDNN takes here only {sorted(onednn.DTYPES)}")
    monkeypatch.setattr(onednn, "DTYPES", frozenset(KINDS[request.param]))
    return request.param


def random(*shape, seed):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape, np.float32))


def by_lax(x, kernel, *, stride=1, **options):
    edge = kernel.shape[0] // 2
    numbers = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, kernel, (stride,) * 2, [(edge, edge)] * 2, dimension_numbers=numbers)


def loss(convolve, x, kernel, **options):
    # Uneven weights, so that no symmetry hides a flipped or shifted kernel.
    y = convolve(x, kernel, **options).astype(jnp.float32)
    return (y * jnp.cos(jnp.arange(y.size)).astype(jnp.bfloat16).astype(jnp.float32).reshape(y.shape)).sum()


def both(x, kernel, **options):
    """Value and gradients, ours and in float32 by lax."""
    ours, theirs = (
        jax.jit(jax.value_and_grad(lambda *arrays, by=by: loss(by, *arrays, **options), argnums=(0, 1)))
        for by in (convolved, by_lax)
    )
    return ours(x, kernel), theirs(*(array.astype(jnp.float32) for array in (x, kernel)))


@pytest.mark.parametrize("outputs", [3, 16])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_of_several_arrays_it_makes_what_would_come_of_them_side_by_side(kind, outputs, dtype):
    model = Convolution(outputs, 3, dtype=dtype)
    parts = [random(2, 7, 9, channels, seed=channels).astype(dtype) for channels in (16, 8, 4)]
    whole = jnp.concatenate(parts, axis=-1)
    variables = model.init(jax.random.key(0), whole)
    gradients = jax.jit(jax.grad(lambda v, *arrays: (model.apply(v, *arrays).astype(jnp.float32) ** 2).sum(), (0, 1)))
    for ours, theirs in zip(
        jax.tree.leaves((model.apply(variables, *parts), gradients(variables, *parts))),
        jax.tree.leaves((model.apply(variables, whole), gradients(variables, whole))),
        strict=True,
    ):
        ours, theirs = (np.asarray(array, np.float32)[..., : ours.shape[-1]] for array in (ours, theirs))
        np.testing.assert_allclose(ours, theirs, atol=abs(theirs).max() * (1e-5 if dtype == jnp.float32 else 0.02))


@pytest.mark.parametrize(("side", "inputs", "outputs", "stride", "height", "width"), SHAPES)
def test_values_and_gradients_are_those_of_lax(kind, side, inputs, outputs, stride, height, width):
    x, kernel = random(2, height, width, inputs, seed=0), random(side, side, inputs, outputs, seed=1)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=3e-4), *both(x, kernel, stride=stride))


@pytest.mark.parametrize(("side", "inputs", "outputs", "stride", "height", "width"), SHAPES)
def test_bfloat16_is_rounded_once(kind, side, inputs, outputs, stride, height, width):
    x, kernel = random(2, height, width, inputs, seed=0), random(side, side, inputs, outputs, seed=1)
    x, kernel = x.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16)
    y = convolved(x, kernel, stride=stride, dtype=jnp.bfloat16)
    exact = by_lax(x.astype(jnp.float32), kernel.astype(jnp.float32), stride=stride)
    assert y.dtype == jnp.bfloat16
    np.testing.assert_allclose(y.astype(jnp.float32), exact, rtol=2**-8, atol=1e-3)
    (_, gradients), (_, expected) = both(x, kernel, stride=stride, dtype=jnp.bfloat16)
    for ours, theirs in zip(gradients, expected, strict=True):
        assert ours.dtype == jnp.bfloat16
        np.testing.assert_allclose(ours.astype(jnp.float32), theirs, rtol=2**-7, atol=2**-7 * float(abs(theirs).max()))


@pytest.mark.parametrize("side", [3, 9])
@pytest.mark.parametrize("units", [False, True])
def test_short_images_and_a_long_kernel_lose_nothing(kind, side, units, monkeypatch):
    """As the last convolution has them: 16 bits of the kernel's mantissa, not 8, and a result in float32."""
    monkeypatch.setattr(onednn, "AMX", units)
    x, kernel = random(2, 8, 9, 16, seed=0).astype(jnp.bfloat16), random(side, side, 16, 3, seed=1)
    y, exact = convolved(x, kernel), by_lax(x.astype(jnp.float32), kernel)
    assert y.dtype == jnp.float32
    np.testing.assert_allclose(y, exact, atol=2**-14 * float(abs(exact).max()))
    (_, gradients), (_, expected) = both(x, kernel)
    assert [gradient.dtype for gradient in gradients] == [jnp.bfloat16, jnp.float32]
    for ours, theirs in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(ours.astype(jnp.float32), theirs, rtol=2**-7, atol=2**-7 * float(abs(theirs).max()))


@pytest.mark.parametrize(("side", "stride"), [(3, 1), (3, 2), (9, 1)])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_of_no_images_the_kernels_gradient_is_zero(kind, dtype, side, stride):
    x, kernel = jnp.zeros((0, 8, 8, 16), dtype), random(side, side, 16, 16, seed=0)
    gradient = jax.grad(lambda kernel: loss(convolved, x, kernel, stride=stride, dtype=dtype))(kernel)
    np.testing.assert_array_equal(gradient, jnp.zeros_like(kernel))


@pytest.mark.parametrize("sides", [(2, 2), (3, 5)])
def test_a_kernel_without_a_middle_is_refused(sides):
    with pytest.raises(ValueError, match="sides must be equal and odd"):
        convolved(jnp.zeros((1, 8, 8, 4)), jnp.zeros((*sides, 4, 4)))


@pytest.mark.parametrize("shape", [(1, 8, 8, 20), (8, 8, 16)])
def test_images_that_do_not_fit_are_refused(kind, shape):
    with pytest.raises(ValueError, match="do not fit a kernel"):
        convolved(jnp.zeros(shape), jnp.zeros((3, 3, 16, 16)))


@pytest.mark.parametrize(
    ("images", "kernel", "words"),
    [
        ((1, 8, 8, 20), (3, 3, 16, 16), "do not fit a kernel"),
        ((1, 8, 8, 16), (4, 4, 16, 16), "has no pixel in its middle"),
    ],
)
def test_what_does_not_fit_is_not_added(kind, images, kernel, words):
    with pytest.raises(ValueError, match=words):
        added(jnp.zeros(images), jnp.zeros(kernel), jnp.zeros((1, 8, 8, 16)))


@pytest.mark.parametrize(
    ("shape", "dtypes"),
    [
        ((1, 8, 8, 1), "fff"),
        ((1, 4, 4, 16), "fff"),
        ((1, 8, 8, 16), "ffb"),
        ((1, 8, 8, 16), "fbf"),
        ((1, 8, 8, 16), "bff"),
    ],
)
def test_a_sum_of_another_shape_or_dtype_is_refused(kind, shape, dtypes):
    x, kernel, y = ({"f": jnp.float32, "b": jnp.bfloat16}[letter] for letter in dtypes)
    with pytest.raises(ValueError, match="do not fit"):
        added(jnp.zeros((1, 8, 8, 16), x), jnp.zeros((3, 3, 16, 16), kernel), jnp.zeros(shape, y))


def test_arrays_that_do_not_fit_are_no_product(kind):
    with pytest.raises((TypeError, ValueError)):
        onednn.product(jnp.zeros((16, 20)), jnp.zeros((21, 16)))


def test_a_convolution_is_mapped(kind):
    x, kernels = random(2, 3, 5, 6, 16, seed=0), random(2, 3, 3, 16, 16, seed=1)
    gradient = jax.grad(lambda *arrays: loss(convolved, *arrays), argnums=(0, 1))
    mapped = jax.vmap(gradient)(x, kernels)
    expected = [jnp.stack(each) for each in zip(*map(gradient, x, kernels), strict=True)]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), list(mapped), expected)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_a_bias_is_added_and_its_gradient_is_the_sum(kind, dtype):
    network, x = Convolution(5, 3, dtype=dtype), random(2, 6, 7, 4, seed=0)
    variables = network.init(jax.random.key(0), x)
    variables["params"]["bias"] = random(5, seed=1)
    without = convolved(x, variables["params"]["kernel"], dtype=dtype).astype(jnp.float32)
    np.testing.assert_allclose(
        network.apply(variables, x), without + variables["params"]["bias"], rtol=2**-6, atol=0.02
    )
    weights = random(*without.shape, seed=2).astype(jnp.bfloat16).astype(jnp.float32)
    gradient = jax.grad(lambda variables: (network.apply(variables, x).astype(jnp.float32) * weights).sum())(variables)
    np.testing.assert_allclose(gradient["params"]["bias"], weights.sum((0, 1, 2)), rtol=1e-4, atol=1e-4)


def programs(channels, *, stride=1, dtype=jnp.float32, long_kernel=False):
    """The value and both gradients, for each platform."""
    options = {"stride": stride, "dtype": jnp.float32 if long_kernel else dtype}
    step = jax.jit(jax.value_and_grad(lambda *arrays: loss(convolved, *arrays, **options), argnums=(0, 1)))
    shapes = [jax.ShapeDtypeStruct((2, 8, 8, channels[0]), dtype), jax.ShapeDtypeStruct((3, 3, *channels), jnp.float32)]
    return [step.trace(*shapes).lower(lowering_platforms=(name,)).as_text() for name in ("cpu", "cuda")]


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("options", [{}, {"stride": 2}, {"long_kernel": True}])
def test_an_accelerator_convolves(kind, dtype, options):
    # It guards the updates per second of benchmarks/README.md, "On a GPU", which are cuDNN's.
    _, cuda = programs((16, 32), dtype=dtype, **options)
    assert cuda.count("stablehlo.convolution") == 3
    assert not re.search(r"dot_general|custom_call|CustomSPMDPartitioning", cuda)


@pytest.mark.parametrize(
    ("options", "convolutions"),
    [
        # Of forward, input and weight gradient those that stay XLA's: without oneDNN, with float32, and with bfloat16.
        ({"dtype": jnp.float32}, (2, 0, 0)),
        ({"dtype": jnp.float32, "channels": (16, 3)}, (2, 1, 1)),
        ({"dtype": jnp.float32, "stride": 2}, (3, 0, 0)),
        ({"dtype": jnp.bfloat16}, (2, 2, 0)),
        ({"dtype": jnp.bfloat16, "channels": (16, 3)}, (2, 2, 0)),
        ({"dtype": jnp.bfloat16, "stride": 2}, (3, 3, 0)),
        ({"dtype": jnp.bfloat16, "channels": (16, 3), "long_kernel": True}, (2, 1, 0)),
    ],
)
def test_a_cpu_convolves_by_xla_where_nothing_else_pays(kind, options, convolutions, monkeypatch):
    monkeypatch.setattr(onednn, "AMX", True)
    # It guards the SRResNet updates of benchmarks/README.md, "Beside PyTorch" and "With AMX" (`train_step.py`).
    cpu, _ = programs(**{"channels": (16, 32)} | options)
    assert cpu.count("stablehlo.convolution") == convolutions[list(KINDS).index(kind)]


def test_onednn_is_left_alone_where_it_was_not_tried(monkeypatch):
    assert onednn._dtypes() == onednn.DTYPES
    with monkeypatch.context() as patch:
        patch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
        assert onednn._dtypes() == frozenset()
    for features, expected in [
        ({"sse4_1"}, set()),
        ({"avx2"}, {"float32"}),
        ({"avx2", "avx512_bf16"}, {"float32"}),
        ({"avx2"} | onednn._WITH_BFLOAT16, {"float32", "bfloat16"}),
    ]:
        monkeypatch.setattr(onednn, "processor_features", lambda features=features: frozenset(features))
        assert onednn._dtypes() == (expected if onednn.DTYPES else set())
    monkeypatch.setattr(onednn.jaxlib, "__version__", "0.0.0")
    assert onednn._dtypes() == frozenset()


def test_weight_gradient_of_every_shift_is_summed_over_the_images():
    """By its definition, pixel by pixel."""
    x, gradient = random(2, 4, 5, 2, seed=0), random(2, 4, 5, 3, seed=1)
    expected = np.zeros((3, 3, 2, 3))
    for n, row, column in np.ndindex(2, 4, 5):
        for i, j in np.ndindex(3, 3):
            if 0 <= row + i - 1 < 4 and 0 <= column + j - 1 < 5:
                expected[i, j] += np.outer(x[n, row + i - 1, column + j - 1], gradient[n, row, column])
    np.testing.assert_allclose(weight_gradient(x, gradient, side=3), expected, rtol=1e-5, atol=1e-5)
