"""Networks on tiles of two sizes."""

from functools import partial

import jax
import numpy as np
import pytest
from random_networks import images, random_variables

from jaxsr.models import SRResNet
from jaxsr.upscaling.engine import make_network_strips
from jaxsr.upscaling.halves import in_halves
from jaxsr.upscaling.refinement import Refinement
from jaxsr.upscaling.tiling import joined, upscale_strips


def halves(model, variables, sizes, *, upsampling_halo, piece):
    """`in_halves` of a network, on floats; `sizes` collects what is compiled."""
    extract = jax.jit(partial(model.apply, variables, half="features"))

    @partial(jax.jit, static_argnames="size")
    def upsample(features, top, left, *, size):
        sizes.append((features.shape, size))
        part = jax.lax.dynamic_slice(features, (0, top, left, 0), (1, *size, features.shape[-1]))
        return model.apply(variables, part, half="upsampling")[0]

    def features_of(image):
        features = extract(image[None])
        return lambda top, left, size: upsample(features, top, left, size=size)

    return in_halves(features_of, scale=model.scale, halo=model.halo, upsampling_halo=upsampling_halo, piece=piece)


def strips(apply, image, *, model, tile):
    rows = lambda top, bottom: image[top:bottom]  # noqa: E731
    parts = upscale_strips(apply, rows, size=image.shape[:2], scale=model.scale, halo=model.halo, tile=tile)
    return joined(parts, image.shape[0] * model.scale)


def worst(model, sizes, *, less=0):
    """Largest difference from the whole network over images of awkward sizes."""
    variables = random_variables(model)
    apply = halves(model, variables, [], upsampling_halo=model.upsampling_halo - less, piece=7)
    differences = []
    for height, width in sizes:
        image = images(height, width)
        expected = np.asarray(model.apply(variables, image[None])[0])
        ours = strips(apply, image, model=model, tile=2 * model.halo + 9)
        assert ours.shape == expected.shape
        differences.append(np.abs(ours - expected).max())
    return max(differences)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_equal_to_the_whole(scale):
    model = SRResNet(features=4, blocks=1, scale=scale)
    assert worst(model, [(1, 30), (44, 70)] if scale == 4 else [(50, 33)]) < 1e-4


def test_the_second_halo_is_needed():
    assert worst(SRResNet(features=4, blocks=1), [(44, 70)], less=1) > 1e-4


def test_one_size_of_pieces_for_a_large_image():
    model, sizes = SRResNet(features=4, blocks=1), []
    apply = halves(model, random_variables(model), sizes, upsampling_halo=model.upsampling_halo, piece=8)
    # Whatever the last tiles keep.
    for side in (62, 75, 90):
        strips(apply, images(side, side + 3), model=model, tile=40)
    # 20 pixels are kept of a tile in the middle: three pieces of 7, with 3 on either side.
    assert sizes == [((1, 40, 40, 4), (13, 13))]


def test_pieces_take_less_memory_than_the_whole_would():
    model = SRResNet(blocks=1)
    shape = jax.ShapeDtypeStruct((1, 96, 96, 3), np.float32)
    variables = random_variables(model)

    def needed(**half):
        program = jax.jit(partial(model.apply, **half)).lower(variables, shape).compile()
        return program.memory_analysis().temp_size_in_bytes

    assert needed(half="features") < needed() / 8


def test_refined_and_plain_networks_are_told_apart():
    model = SRResNet(features=4, blocks=1)
    image = images(30, 41)
    variables = random_variables(model)
    plain, _ = make_network_strips(model, variables, Refinement(), tile=40)
    refined, _ = make_network_strips(model, variables, Refinement(back_project=1), tile=40)
    arguments = (lambda top, bottom: image[top:bottom], (30, 41), (120, 164), None)
    assert np.abs(joined(plain(*arguments), 120) - joined(refined(*arguments), 120)).max() > 0.01
