"""Other scales and sizes, strips of large images, and the choice of the tile."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from random_networks import images, random_variables

import jaxsr
from jaxsr.imaging.resize import resize, resize_uint8
from jaxsr.models import ESPCN, SRCNN, Compact, SRResNet
from jaxsr.upscaling.engine import extract_features, fitting_tile, upscale_tile, working_bytes
from jaxsr.upscaling.refinement import Refinement
from jaxsr.weights import Weights, save_weights


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    model = SRResNet(features=4, blocks=1)
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save_weights(path, Weights(model, random_variables(model), {}))
    return path


PHOTO = np.uint8(255 * images(40, 72))


@pytest.mark.parametrize("scale", [2, 3, 1.5, 6])
def test_another_scale_is_the_bicubic_of_the_networks_result_bit_for_bit(network, scale):
    native = jaxsr.load(network)(PHOTO)
    other = jaxsr.load(network, scale=scale, tile=40)
    assert other.target((40, 72)) == (40 * scale, 72 * scale)
    # Tiles here and one piece there: the network's own rounding may fall on the other side.
    whole = jaxsr.load(network, scale=scale)(PHOTO)
    np.testing.assert_array_equal(whole, resize_uint8(native, scale / 4))
    assert np.abs(other(PHOTO).astype(int) - whole).max() <= 2


def test_floats_too_and_clipped(network):
    unit = PHOTO / np.float32(255)
    ours = jaxsr.load(network, scale=2)(unit)
    expected = np.clip(resize(jaxsr.load(network)(unit), 0.5), 0, 1)
    np.testing.assert_allclose(ours, expected, atol=1e-5)
    assert np.asarray(resize(unit, 4)).max() > 1
    interpolated = jaxsr.load("bicubic")(unit)
    assert (interpolated.min(), interpolated.max()) == (0, 1)


def test_a_size_is_met_exactly_whatever_the_aspect(network):
    native = jaxsr.load(network)(PHOTO)
    sized = jaxsr.load(network)(PHOTO, size=(80, 72))
    assert sized.shape == (80, 72, 3)
    expected = resize_uint8(native, 0.5)
    assert np.abs(sized[:, :, 0].mean() - expected[:, :, 0].mean()) < 2
    assert jaxsr.load("bicubic")(PHOTO, size=(33, 51)).shape == (33, 51, 3)
    np.testing.assert_array_equal(jaxsr.load("bicubic")(PHOTO, size=(80, 144)), resize_uint8(PHOTO, 2))


def test_strips_are_the_whole(network):
    upscaler = jaxsr.load(network, tile=40)
    strips = list(upscaler.upscale_strips(lambda top, bottom: PHOTO[top:bottom], size=(40, 72)))
    np.testing.assert_array_equal(np.concatenate(strips), upscaler(PHOTO))
    sized = list(upscaler.upscale_strips(lambda top, bottom: PHOTO[top:bottom], size=(40, 72), to=(60, 108)))
    np.testing.assert_array_equal(np.concatenate(sized), upscaler(PHOTO, size=(60, 108)))


def test_gray_of_sixteen_bits_and_floats_keep_their_depth(network):
    upscaler, photo = jaxsr.load(network), PHOTO
    unit = photo[..., 1] / np.float32(255)
    expected = upscaler(unit)
    deep = upscaler(Image.fromarray(np.round(unit * 65535).astype(np.uint16)))
    assert deep.mode == "I;16"
    np.testing.assert_allclose(np.asarray(deep) / 65535, expected, atol=1e-4)
    assert len(np.unique(np.asarray(deep))) > 256
    floats = upscaler(Image.fromarray(unit))
    assert floats.mode == "F"
    np.testing.assert_allclose(np.asarray(floats), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("model", "refinement"),
    [
        (SRResNet(), Refinement()),
        (SRResNet(features=16, blocks=2, scale=2), Refinement(back_project=2)),
        (SRResNet(features=16, blocks=2), Refinement(self_ensemble=True)),
        (SRResNet(features=16, blocks=2), Refinement(color_lock=True)),
        (ESPCN(), Refinement()),
        (SRCNN(), Refinement()),
        (Compact(convolutions=4), Refinement()),
        (Compact(convolutions=4), Refinement(self_ensemble=True)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_working_memory_is_what_xla_says_or_a_little_more(model, refinement):
    halves = refinement == Refinement() and isinstance(model, SRResNet)
    # Of a network in halves the first one works on whole tiles.
    program = partial(extract_features, model) if halves else partial(upscale_tile, model, refinement)
    tile = jax.ShapeDtypeStruct((160, 160, 3), jnp.uint8)
    compiled = jax.jit(program).lower(random_variables(model), tile).compile()
    assert compiled.memory_analysis().temp_size_in_bytes <= 1.5 * working_bytes(model, refinement) * 160**2


def test_the_tile_is_what_half_of_the_free_memory_holds_and_a_gigabyte():
    assert fitting_tile(1024, halo=40, free=4 * 2**30) == 512
    assert fitting_tile(8192, halo=40, free=4 * 2**30) == 256
    assert fitting_tile(8192, halo=40, free=700 * 10**6) == 192
    assert fitting_tile(8192, halo=40, free=0) == 128
    assert fitting_tile(8192, halo=60, free=0) == 192
    assert fitting_tile(8192, halo=200, free=10**12) == 800
