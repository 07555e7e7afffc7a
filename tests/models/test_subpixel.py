"""A convolution before a pixel shuffle is the one after it, and accelerators do not see it."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxsr.models.convolution import conv_general_dilated
from jaxsr.models.layers import pixel_shuffle
from jaxsr.models.subpixel import ConvAfterShuffle, kernel_before_shuffle


def random(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape, np.float32))


def convolved(x, kernel):
    return lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


@pytest.mark.parametrize("side", [1, 3, 5, 9])
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_a_convolution_moves_before_the_shuffle(side, factor):
    x, kernel = random(2, 5, 4, 2 * factor**2), random(side, side, 2, 3, seed=1)
    before = pixel_shuffle(convolved(x, kernel_before_shuffle(kernel, factor)), factor)
    np.testing.assert_allclose(before, convolved(pixel_shuffle(x, factor), kernel), atol=1e-4)


def test_its_kernel_reaches_no_further_than_it_must():
    assert kernel_before_shuffle(random(9, 9, 64, 3), 2).shape == (5, 5, 256, 12)
    assert kernel_before_shuffle(random(9, 9, 64, 3), 4).shape == (3, 3, 1024, 48)


@pytest.mark.parametrize("factor", [2, 3])
@pytest.mark.parametrize("convolve", [lax.conv_general_dilated, conv_general_dilated], ids=["XLA's", "products"])
def test_values_and_gradients_are_those_of_flax_after_a_shuffle(factor, convolve):
    ours, theirs, x = ConvAfterShuffle(3, 9, factor, convolve), nn.Conv(3, (9, 9)), random(2, 6, 5, 8 * factor**2)
    variables = theirs.init(jax.random.key(0), pixel_shuffle(x, factor))
    variables = jax.tree.map(lambda value: value + random(*value.shape, seed=2), variables)
    assert jax.tree.map(jnp.shape, ours.init(jax.random.key(0), x)) == jax.tree.map(jnp.shape, variables)

    def both(apply):
        # Uneven weights, so that no symmetry hides a flipped or shifted kernel.
        def loss(variables, x):
            y = apply(variables, x)
            return jnp.sum(y * jnp.sin(jnp.arange(y.size, dtype=jnp.float32)).reshape(y.shape)) / y.size

        return jax.value_and_grad(loss, argnums=(0, 1))(variables, x)

    expected = both(lambda variables, x: theirs.apply(variables, pixel_shuffle(x, factor)))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), both(ours.apply), expected)


@pytest.mark.parametrize(("platform", "shape"), [("cpu", "5x5x256x12"), ("cuda", "9x9x64x3")])
def test_an_accelerator_convolves_after_the_shuffle(platform, shape):
    x = jax.ShapeDtypeStruct((1, 8, 8, 256), jnp.float32)
    model = ConvAfterShuffle(3, 9, 2)
    variables = jax.eval_shape(model.init, jax.random.key(0), x)
    program = jax.jit(model.apply).trace(variables, x).lower(lowering_platforms=(platform,)).as_text()
    (convolution,) = [line for line in program.splitlines() if "stablehlo.convolution" in line]
    assert f"tensor<{shape}xf32>" in convolution
