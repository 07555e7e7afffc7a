import itertools
from functools import partial

import jax
import numpy as np
import pytest
from random_networks import random_variables

from jaxsr.errors import InputError
from jaxsr.models import ESPCN, SRCNN, SRResNet
from jaxsr.upscaling.tiling import cropped, joined, plan_tiles, upscale_strips

NETWORKS = [SRResNet(features=8, blocks=2, scale=2), ESPCN(scale=8), SRCNN(scale=3), SRCNN(kernels=(9, 5, 5))]
SIZES = [(1, 1), (1, 50), (50, 1), (5, 7), (32, 32), (31, 33), (33, 32), (34, 97), (63, 41)]


def random_apply(model):
    """The compiled network, with random values everywhere."""
    apply = jax.jit(lambda variables, image: model.apply(variables, image[None])[0])
    return partial(apply, random_variables(model))


def upscale_tiled(network, image, *, scale, **options):
    """A whole image by `upscale_strips`."""
    apply = cropped(network, scale=scale)
    strips = upscale_strips(apply, lambda top, bottom: image[top:bottom], size=image.shape[:2], scale=scale, **options)
    return joined(strips, image.shape[0] * scale)


@pytest.mark.parametrize("halo", [0, 1, 5, 15])
def test_every_pixel_is_kept_once_and_from_where_it_is_valid(halo):
    tile = 31
    for height in (1, 2, 30, 31, 32, 33, 61, 62, 63, 100):
        for width in (1, 31, 47, 95):
            tiles = itertools.chain(*plan_tiles(height, width, tile=tile, halo=halo))
            writes = np.zeros((height, width), int)
            for part in tiles:
                writes[part.kept_rows, part.kept_columns] += 1
                for whole, kept, length in (
                    (part.rows, part.kept_rows, height),
                    (part.columns, part.kept_columns, width),
                ):
                    assert whole.stop - whole.start == min(tile, length)
                    assert whole.start == kept.start == 0 or kept.start - whole.start >= halo
                    assert whole.stop == kept.stop == length or whole.stop - kept.stop >= halo
            assert (writes == 1).all()


def test_no_more_tiles_than_needed():
    # 24 kept pixels a tile, 4 more at each end of the image.
    for length, count in ((32, 1), (33, 2), (56, 2), (57, 3), (80, 3), (81, 4)):
        (line,) = plan_tiles(1, length, tile=32, halo=4)
        assert len(line) == count


def test_a_tile_without_room_between_its_halos_is_refused():
    plan_tiles(100, 100, tile=81, halo=40)
    with pytest.raises(InputError, match="take at least 81"):
        plan_tiles(100, 100, tile=80, halo=40)


@pytest.mark.parametrize("model", NETWORKS, ids=lambda model: f"{type(model).__name__}-{model.scale}")
def test_tiled_equals_untiled(model):
    apply, scale = random_apply(model), model.scale
    random = np.random.default_rng(2)
    spread = 0.0
    # Every size is compiled anew: one network gets them all.
    for height, width in SIZES if model == NETWORKS[0] else [(1, 50), (34, 57)]:
        image = random.random((height, width, 3), np.float32)
        whole = np.asarray(apply(image))
        tiled = upscale_tiled(apply, image, scale=scale, halo=model.halo, tile=32)
        assert tiled.shape == (height * scale, width * scale, 3)
        np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e-4)
        spread = max(spread, whole.std())
    assert spread > 0.05


@pytest.mark.parametrize(
    "model", [SRResNet(features=8, blocks=2), ESPCN(), SRCNN()], ids=lambda model: type(model).__name__
)
def test_the_halo_is_not_larger_than_needed_by_much(model):
    """With two pixels less the result differs: the comparison above can fail."""
    apply = random_apply(model)
    image = np.random.default_rng(2).random((34, 97, 3), np.float32)
    tiled = upscale_tiled(apply, image, scale=model.scale, halo=model.halo - 2, tile=32)
    assert np.abs(tiled - np.asarray(apply(image))).max() > 0


def test_one_shape_is_compiled_for_a_large_image():
    shapes = []

    @jax.jit
    def apply(image):
        shapes.append(image.shape)  # runs once per compilation
        return image

    image = np.random.default_rng(0).random((531, 777, 3), np.float32)
    np.testing.assert_array_equal(upscale_tiled(apply, image, scale=1, halo=9, tile=64), image)
    assert shapes == [(64, 64, 3)]


def test_tiles_are_divided_evenly_and_no_more_of_them_are_needed():
    sides = []

    def apply(image):
        sides.append(image.shape)
        return image

    image = np.random.default_rng(0).random((180, 500), np.float32)
    np.testing.assert_array_equal(upscale_tiled(apply, image, scale=1, halo=10, tile=150), image)
    # 2 × 4 tiles of 150, as before: 100 and 140 pixels are enough, and sides are multiples of 32 or the largest.
    assert len(sides) == sum(map(len, plan_tiles(180, 500, tile=150, halo=10))) == 8
    assert set(sides) == {(128, 150)}


def test_progress_counts_to_the_number_of_tiles():
    seen = []
    image = np.zeros((40, 70), np.uint8)
    upscale_tiled(
        lambda part: part, image, scale=1, halo=4, tile=32, progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(i, 6) for i in range(1, 7)]


def test_dtype_and_channels_are_those_of_the_network():
    image = np.arange(60 * 50, dtype=np.float32).reshape(60, 50)
    doubled = upscale_tiled(
        lambda part: part.repeat(2, 0).repeat(2, 1).astype(np.uint16), image, scale=2, halo=3, tile=20
    )
    np.testing.assert_array_equal(doubled, image.repeat(2, 0).repeat(2, 1).astype(np.uint16))
    assert doubled.dtype == np.uint16


def test_strips_ask_for_rows_from_top_to_bottom_and_a_few_at_a_time():
    image = np.random.default_rng(0).random((531, 77, 3), np.float32)
    asked = []

    def rows(top, bottom):
        asked.append((top, bottom))
        return image[top:bottom]

    strips = list(upscale_strips(cropped(lambda part: part, scale=1), rows, size=(531, 77), scale=1, halo=9, tile=64))
    np.testing.assert_array_equal(np.concatenate(strips), image)
    assert asked == sorted(asked)
    assert max(bottom - top for top, bottom in asked) == 64
    assert max(map(len, strips)) <= 64


@pytest.mark.parametrize("error", [MemoryError(), jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory")])
def test_tiles_are_halved_when_memory_runs_out_and_nothing_is_lost_or_done_twice(error):
    image = np.random.default_rng(0).random((300, 200), np.float32)
    calls, told = [], []

    def apply(part):
        calls.append(part.shape)
        # In the middle of the second row of tiles.
        if len(calls) > 4 and max(part.shape) > 50:
            raise error
        return part

    strips = list(
        upscale_strips(
            cropped(apply, scale=1), lambda top, bottom: image[top:bottom], size=(300, 200), scale=1, halo=5, tile=96,
            progress=lambda *counts: told.append(counts),
        )
    )  # fmt: skip
    np.testing.assert_array_equal(np.concatenate(strips), image)
    assert {max(shape) for shape in calls} == {96, 48}
    assert told[-1][0] == told[-1][1]


def test_memory_that_is_too_little_for_any_tile_is_said_in_a_sentence():
    def apply(part):
        raise MemoryError

    with pytest.raises(InputError, match=r"memory ran out at a tile of 12 pixels"):
        upscale_tiled(apply, np.zeros((90, 90)), scale=1, halo=5, tile=40)


def test_other_errors_of_the_device_are_not_taken_for_a_lack_of_memory():
    def apply(part):
        raise jax.errors.JaxRuntimeError("INTERNAL: something else")

    with pytest.raises(jax.errors.JaxRuntimeError, match="something else"):
        upscale_tiled(apply, np.zeros((90, 90)), scale=1, halo=5, tile=40)
