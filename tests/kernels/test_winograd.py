"""Winograd's algorithm gives a convolution and its gradients, and only where nothing has to equal its parts."""

from typing import get_args

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxsr.kernels import convolution, onednn
from jaxsr.kernels.choice import Part, case_of, chosen
from jaxsr.kernels.convolution import convolved
from jaxsr.models import SRResNet
from jaxsr.processes.devices import make_mesh, replicated, sharded_batches

pytestmark = pytest.mark.skipif(not onednn.takes(jnp.float32), reason="oneDNN is not there")


def by_lax(x, kernel):
    return lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def whole_numbers(*shape, seed):
    return jnp.asarray(np.random.default_rng(seed).integers(-8, 9, shape).astype(np.float32))


def value_and_gradients(convolve, x, kernel, weights):
    y, backward = jax.vjp(convolve, x, kernel)
    return y, *backward(weights)


@pytest.mark.parametrize(("inputs", "outputs"), [(64, 128), (128, 64)])
@pytest.mark.parametrize(("height", "width"), [(12, 12), (13, 17), (48, 16)])
def test_whole_numbers_come_out_exactly(inputs, outputs, height, width):
    """The transforms add, subtract and halve: of small whole numbers nothing is rounded."""
    x, kernel = whole_numbers(2, height, width, inputs, seed=0), whole_numbers(3, 3, inputs, outputs, seed=1)
    weights = whole_numbers(2, height, width, outputs, seed=2)
    case = case_of(x, kernel, stride=1, may_tile=True)
    assert {chosen(part, case) for part in ("forward", "input gradient")} == {"winograd"}
    ours = value_and_gradients(lambda *arrays: convolved(*arrays, may_tile=True), x, kernel, weights)
    jax.tree.map(np.testing.assert_array_equal, ours, value_and_gradients(by_lax, x, kernel, weights))


def test_rounding_is_small():
    rng = np.random.default_rng(0)
    x, kernel, weights = (
        jnp.asarray(rng.standard_normal(shape, np.float32))
        for shape in [(2, 24, 24, 128), (3, 3, 128, 256), (2, 24, 24, 256)]
    )
    exact = value_and_gradients(by_lax, x, kernel, weights)
    ours = value_and_gradients(lambda *arrays: convolved(*arrays, may_tile=True), x, kernel, weights)
    for a, b in zip(ours, exact, strict=True):
        np.testing.assert_allclose(a, b, atol=3e-6 * float(abs(b).max()))


def test_two_devices_exchange_the_kernels_gradient_alone():
    x, kernel = whole_numbers(4, 12, 12, 64, seed=0), whole_numbers(3, 3, 64, 128, seed=1)
    weights, mesh = whole_numbers(4, 12, 12, 128, seed=2), make_mesh(2, batch_size=4)
    spread = [sharded_batches(np.asarray(images)[None], mesh)[0] for images in (x, weights)]
    run = jax.jit(lambda x, w, kernel: value_and_gradients(lambda *a: convolved(*a, may_tile=True), x, kernel, w))
    program = run.lower(*spread, replicated(kernel, mesh)).compile()
    # It guards what two devices exchange in an SRGAN update ("exchange and wait" in benchmarks/README.md).
    assert program.as_text().count(" all-reduce(") == 1
    assert "all-gather(" not in program.as_text()
    ours = program(*spread, replicated(kernel, mesh))
    jax.tree.map(np.testing.assert_array_equal, ours, value_and_gradients(by_lax, x, kernel, weights))


@pytest.mark.parametrize(
    ("dtype", "shape", "channels", "stride"),
    [
        (jnp.bfloat16, (24, 24), (128, 128), 1),
        (jnp.float32, (96, 96), (128, 128), 1),
        (jnp.float32, (6, 6), (128, 128), 1),
        (jnp.float32, (24, 24), (64, 64), 1),
        (jnp.float32, (24, 24), (128, 128), 2),
    ],
)
def test_it_is_left_alone_where_it_does_not_pay(dtype, shape, channels, stride):
    x, kernel = jax.ShapeDtypeStruct((2, *shape, channels[0]), dtype), jax.ShapeDtypeStruct((3, 3, *channels), dtype)
    case = case_of(x, kernel, stride=stride, may_tile=True)
    assert "winograd" not in {chosen(part, case) for part in get_args(Part)}


def test_pictures_are_upscaled_without_it(monkeypatch):
    """Parts of a picture have to equal the whole; it rounds by the place in the picture."""
    network, low = SRResNet(blocks=1), jnp.zeros((1, 24, 24, 3))
    variables = jax.eval_shape(network.init, jax.random.key(0), low)
    cases = []
    monkeypatch.setattr(convolution, "chosen", lambda part, case: cases.append(case) or chosen(part, case))
    jax.eval_shape(network.apply, variables, low)
    # The two that enlarge would be tiled in training.
    assert "winograd" in {chosen("forward", case._replace(may_tile=True)) for case in cases}
    assert "winograd" not in {chosen("forward", case) for case in cases}
