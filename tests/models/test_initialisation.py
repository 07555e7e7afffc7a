"""Before the first step: an interpolation of the input, and a network that can learn."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_networks import images

from jaxsr.errors import InputError
from jaxsr.imaging.color import signed_from_unit
from jaxsr.imaging.resize import resize
from jaxsr.models import ESPCN, SRCNN, Compact, RRDBNet, SRResNet
from jaxsr.models.initialisation import begin_as_interpolation, initialise

SCALES = [2, 3, 4, 8]
SMALL = {"features": 8, "blocks": 2}


@functools.cache
def begun(model, initialisation="upscaler"):
    return initialise(jax.random.key(0), model, initialisation=initialisation)


def run(model, variables, x, **options):
    return jax.jit(functools.partial(model.apply, **options))(variables, x)


def interpolated(x, scale, kernel):
    return np.asarray(signed_from_unit(resize(jnp.asarray(x), scale, kernel=kernel)))


def inside(image, width):
    return image[:, width:-width, width:-width]


@pytest.mark.parametrize(("scale", "features"), [(2, 3), (3, 8), (4, 3), (4, 4), (4, 8), (8, 4)])
def test_srresnet_begins_as_bilinear_but_for_the_zero_padded_border(scale, features):
    model, x = SRResNet(scale=scale, features=features, blocks=2), images(2, 11, 9)
    variables = begun(model)
    difference = np.abs(run(model, variables, x) - interpolated(x, scale, "bilinear"))
    assert inside(difference, scale // 2).max() < 1e-5
    # No wider a border than that: the next pixel out does differ.
    assert difference[:, scale // 2 - 1].max() > 1e-2


def test_srresnet_begins_as_bilinear_in_training_mode_too():
    model, x = SRResNet(**SMALL), images(4, 12, 12)
    variables = begun(model)
    out, _ = run(model, variables, x, train=True, mutable=["batch_stats"])
    assert inside(np.abs(out - interpolated(x, 4, "bilinear")), 2).max() < 1e-5


def test_with_a_bounded_output_srresnet_begins_as_the_tanh_of_bilinear():
    model, x = SRResNet(output="tanh", **SMALL), images(1, 11, 9)
    out = run(model, begun(model), x)
    assert inside(np.abs(out - np.tanh(interpolated(x, 4, "bilinear"))), 2).max() < 1e-5


@pytest.mark.parametrize("scale", SCALES)
def test_espcn_begins_as_bilinear_to_half_a_gray_level(scale):
    # Black and white noise reaches the ends of the tanh's range.
    model, x = ESPCN(scale=scale), np.round(images(2, 11, 9))
    difference = np.abs(run(model, begun(model), x) - interpolated(x, scale, "bilinear"))
    assert inside(difference, scale // 2).max() < 2 / 255 / 2


@pytest.mark.parametrize(
    ("scale", "kernels"), [(2, (9, 1, 5)), (3, (9, 5, 5)), (4, (9, 1, 5)), (8, (9, 5, 5))], ids=str
)
def test_srcnn_begins_as_its_bicubic_to_the_last_pixel(scale, kernels):
    model = SRCNN(scale=scale, kernels=kernels)
    # Black and white noise overshoots most: nothing of it may be lost in the ReLUs.
    x = np.round(images(2, 11, 9))
    expected = interpolated(x, scale, "bicubic")
    assert expected.min() < -1.2
    np.testing.assert_allclose(run(model, begun(model), x), expected, atol=1e-5)


@pytest.mark.parametrize("scale", SCALES)
def test_compact_begins_as_bilinear(scale):
    model, x = Compact(scale=scale, features=8, convolutions=3), images(2, 11, 9)
    difference = np.abs(run(model, begun(model), x) - interpolated(x, scale, "bilinear"))
    assert inside(difference, scale // 2).max() < 1e-5


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_rrdbnet_begins_as_bilinear_of_the_squares_that_it_unshuffles(scale):
    model, x = RRDBNet(scale=scale, features=8, growth=4, blocks=1), images(2, 12, 8)
    side = 4 // scale
    means = x.reshape(2, 12 // side, side, 8 // side, side, 3).mean(axis=(2, 4))
    difference = np.abs(run(model, begun(model), x) - interpolated(means, 4, "bilinear"))
    assert inside(difference, 2).max() < 1e-5


@pytest.mark.parametrize("train", [False, True])
def test_the_body_begins_as_the_identity(train):
    model, x = SRResNet(features=8, blocks=3), images(2, 10, 10)
    variables = begun(model)
    _, state = run(
        model, variables, x, train=train, capture_intermediates=True, mutable=["intermediates", "batch_stats"]
    )
    outputs = state["intermediates"]
    first = outputs["prelu_first"]["__call__"][0]
    assert jnp.std(first) > 0.01
    for name in ("block_0", "block_1", "block_2"):
        np.testing.assert_array_equal(outputs[name]["__call__"][0], first)
    np.testing.assert_array_equal(outputs["norm_body"]["__call__"][0], 0)


def spread_within_cells(model, variables, x):
    """Largest difference between the sub-pixels of one cell of the last pixel shuffle, over all channels."""
    _, state = run(model, variables, x, capture_intermediates=True, mutable=["intermediates"])
    last = len(model.upscaling_stages) - 1
    features, factor = state["intermediates"][f"prelu_up_{last}"]["__call__"][0], model.upscaling_stages[last]
    n, height, width, channels = features.shape
    cells = features.reshape(n, height // factor, factor, width // factor, factor, channels)
    return float(jnp.max(jnp.ptp(jnp.ptp(cells, axis=4), axis=2)))


@pytest.mark.parametrize("scale", [3, 8])
def test_sub_pixels_begin_equal_so_that_there_is_no_checkerboard(scale):
    model, x = SRResNet(scale=scale, **SMALL), images(1, 10, 10)
    usual = begun(model, "paper")
    assert spread_within_cells(model, begun(model), x) < 1e-6
    assert spread_within_cells(model, usual, x) > 1e-3


@pytest.mark.parametrize(
    "model",
    [
        SRResNet(**SMALL),
        ESPCN(),
        SRCNN(),
        RRDBNet(features=8, growth=4, blocks=1),
        Compact(features=8, convolutions=2),
    ],
    ids=lambda m: type(m).__name__,
)
def test_three_steps_move_every_parameter(model):
    """Zeros at the start must not be zeros for ever."""
    x, target = images(2, 12, 12), 2 * images(2, 48, 48, seed=2) - 1
    start = begun(model)

    def loss(params):
        out = model.apply({**start, "params": params}, x, train=True, mutable=["batch_stats"])[0]
        return jnp.mean((out - target) ** 2)

    gradient = jax.jit(jax.grad(loss))
    params = start["params"]
    for size in (0.004, 0.002, 0.001):  # No sum of these with any signs is zero.
        params = jax.tree.map(lambda p, g, size=size: p - size * jnp.sign(g), params, gradient(params))
    for path, moved in jax.tree.leaves_with_path(jax.tree.map(jnp.not_equal, start["params"], params)):
        # All but what the draw itself leaves behind a dead ReLU.
        assert jnp.mean(moved) > 0.9, path


def test_paper_is_the_modules_own_initialisation_and_upscaler_the_default():
    model, key = SRResNet(**SMALL), jax.random.key(5)
    own = jax.jit(model.init)(key, jnp.zeros((1, 8, 8, 3)))
    paper = initialise(key, model, initialisation="paper")
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-6), paper, own)
    default = initialise(key, model)
    assert jax.tree.structure(default) == jax.tree.structure(own)
    named = {**own, "params": begin_as_interpolation(own["params"], model)}
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-6, atol=1e-7), default, named)
    assert {leaf.dtype for leaf in jax.tree.leaves(default)} == {jnp.dtype("float32")}


def test_the_same_key_gives_the_same_weights_and_another_key_others():
    model = SRResNet(**SMALL)
    one, same, other = (initialise(jax.random.key(k), model) for k in (1, 1, 2))
    jax.tree.map(np.testing.assert_array_equal, one, same)
    assert not np.array_equal(
        one["params"]["block_0"]["conv_1"]["kernel"], other["params"]["block_0"]["conv_1"]["kernel"]
    )


def test_too_few_features_for_the_colours_are_refused_with_a_way_out():
    for model in (SRResNet(features=2, blocks=1), RRDBNet(features=2, growth=2, blocks=1)):
        with pytest.raises(InputError, match=r"features=2 .* at least 3"):
            initialise(jax.random.key(0), model)
    assert initialise(jax.random.key(0), model, initialisation="paper")


@pytest.mark.parametrize("field", [{"body_end": "prelu"}, {"normalisation": "imagenet"}])
def test_an_srresnet_of_another_program_has_no_start_as_an_upscaler(field):
    with pytest.raises(InputError, match=r'no start as an upscaler: use initialisation "paper"'):
        initialise(jax.random.key(0), SRResNet(**SMALL, **field))


def test_an_unknown_initialisation_is_refused():
    with pytest.raises(InputError, match='"xavier" is unknown'):
        initialise(jax.random.key(0), SRResNet(**SMALL), initialisation="xavier")
