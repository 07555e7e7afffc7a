"""Whole degradations: where LR lies on HR, what stays clean, and what depends on what."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import jaxprs_in_params
from jax.sharding import NamedSharding, PartitionSpec

from jaxsr.data.augmentation import augment
from jaxsr.data.degradation import make_degradation, margin
from jaxsr.data.degradation.bicubic import bicubic_pair
from jaxsr.data.degradation.pairs import degraded_by
from jaxsr.data.degradation.ranges import WANG_2021
from jaxsr.data.degradation.sharpening import sharpened
from jaxsr.data.pipeline import crops
from jaxsr.data.sources import open_source
from jaxsr.imaging.resize import resize
from jaxsr.processes.devices import make_mesh

CROP, SCALE = 32, 4
READ = CROP + 2 * margin("real", scale=SCALE)
NOTHING = {"blur": 0.0, "resize": (0.0, 0.0, 1.0), "noise": 0.0, "jpeg": 0.0}


@pytest.fixture(scope="module")
def photos():
    return jnp.asarray(next(iter(crops(open_source(["samples"]), crop=READ, batch_size=8, seed=0))))


@pytest.fixture(scope="module")
def really():
    return jax.jit(make_degradation("real", scale=SCALE))


def only(**changes):
    rounds = tuple(round._replace(**(NOTHING | changes)) for round in WANG_2021.rounds)
    return WANG_2021._replace(rounds=rounds, last_sinc=0.0, sharpening=0.0, clean=0.0)


def inside(images):
    return np.asarray(images)[:, 4:-4, 4:-4]


@pytest.mark.parametrize("changes", [{}, {"resize": (0.3, 0.5, 0.2)}, {"blur": 1.0}])
def test_low_resolution_lies_where_high_resolution_is(changes):
    # A ramp is its own blur and its own reduction, and a shift of a tenth of an LR pixel changes it by 1.2 levels.
    row = np.arange(READ, dtype=np.float32)
    ramp = jnp.stack([jnp.broadcast_to(60 + row, (READ, READ)), jnp.broadcast_to(200 - row[:, None], (READ, READ))], -1)
    ramp = jnp.broadcast_to(jnp.concatenate([ramp, ramp[..., :1]], -1)[None] / 255, (8, READ, READ, 3))
    sides = READ // SCALE
    expected = np.asarray(ramp).reshape(8, sides, SCALE, sides, SCALE, 3).mean(axis=(2, 4))
    low = degraded_by(jax.random.key(1), ramp, jnp.asarray(expected), ranges=only(**changes), scale=SCALE)
    assert np.abs(inside(low) - inside(expected)).max() * 255 < 1


@pytest.mark.parametrize("fault", [{"blur": 1.0}, {"noise": 1.0}, {"jpeg": 1.0}, {"resize": (0.0, 1.0, 0.0)}])
def test_every_part_changes_the_picture(photos, fault):
    unit = photos.astype(jnp.float32) / 255
    reduced, _ = bicubic_pair(photos, scale=SCALE)
    plain, faulty = (
        inside(degraded_by(jax.random.key(2), unit, reduced, ranges=only(**each), scale=SCALE)) for each in ({}, fault)
    )
    changed = np.abs(plain - faulty).mean(axis=(1, 2, 3)) * 255
    assert (changed > 0.5).sum() >= 6


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_the_margin_keeps_what_blurs_take_from_the_opposite_edge_out(photos, scale):
    cut = margin("wang2021", scale=scale)
    assert cut % scale == 0
    crops = photos[:, : 32 + 2 * cut, : 32 + 2 * cut]
    # Of the last rows, only blurs that wrap around can reach the first; the tails of two of them together, by a level.
    changed = crops.at[:, -cut:].set(255 - crops[:, -cut:])
    degrade_crops = jax.jit(partial(degraded_by, ranges=only(blur=1.0), scale=scale))
    found = [
        degrade_crops(jax.random.key(5), images.astype(jnp.float32) / 255, bicubic_pair(images, scale=scale)[0])
        for images in (crops, changed)
    ]
    top = [np.asarray(low)[:, cut // scale : cut // scale + 4 // scale + 1] for low in found]
    np.testing.assert_allclose(*top, atol=1.01 / 255)


@pytest.mark.parametrize("scale", [3, 4])
def test_crops_of_an_odd_side_are_not_interpolated_twice(photos, scale):
    images = photos[:, : 23 * scale, : 23 * scale].astype(jnp.float32) / 255
    blocks = images.reshape(8, 23, scale, 23, scale, 3).mean(axis=(2, 4))
    low = degraded_by(jax.random.key(4), images, blocks, ranges=only(), scale=scale)
    plain = [blocks, *(resize(images, 1 / scale, kernel=kernel).clip(0, 1) for kernel in ("bilinear", "bicubic"))]
    off = [np.abs(inside(low) - inside(each)).max(axis=(1, 2, 3)) * 255 for each in plain]
    # Each picture is one plain reduction, rounded to whole levels.
    assert np.min(off, axis=0).max() < 0.51


def test_bicubic_is_todays_reduction_of_turned_crops(photos):
    key = jax.random.key(3)
    low, high = make_degradation("bicubic", scale=SCALE)(key, photos)
    expected = bicubic_pair(augment(key, photos), scale=SCALE)
    np.testing.assert_array_equal(low, expected[0])
    np.testing.assert_array_equal(high, expected[1])


def test_pairs_are_of_the_crop_within_its_margin(photos, really):
    low, high = really(jax.random.key(4), photos)
    assert (low.shape, high.shape) == ((8, CROP // SCALE, CROP // SCALE, 3), (8, CROP, CROP, 3))
    assert 0 <= float(low.min()) <= float(low.max()) <= 1
    np.testing.assert_allclose(np.asarray(low) * 255, np.round(np.asarray(low) * 255), atol=1e-4)
    # Means of whole crops say that a pair shows the same thing.
    means = [np.asarray(x).mean(axis=(1, 2)).ravel() for x in (low, high / 2 + 0.5)]
    assert np.corrcoef(*means)[0, 1] > 0.97


def test_about_the_wanted_part_stays_clean(photos, really):
    clean = []
    for seed in range(12):
        low, high = really(jax.random.key(seed), photos)
        levels = jnp.round((high / 2 + 0.5) * 255)
        reduced = np.asarray(bicubic_pair(levels.astype(jnp.uint8), scale=SCALE)[0])
        # The margin matters only to the outermost pixels.
        clean += list((np.abs(np.asarray(low) - reduced)[:, 2:-2, 2:-2] < 1e-3).all(axis=(1, 2, 3)))
    assert 0.04 < np.mean(clean) < 0.25


def test_the_key_decides(photos, really):
    first, again, other = (really(jax.random.key(seed), photos)[0] for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert np.abs(np.asarray(first - other)).mean() > 0.01


def test_devices_share_the_work_and_give_the_same(photos, really):
    alone = really(jax.random.key(7), photos)
    mesh = make_mesh(2, batch_size=8)
    spread = jax.device_put(photos, NamedSharding(mesh, PartitionSpec(mesh.axis_names[0])))
    shared = really(jax.random.key(7), spread)
    for one, two in zip(alone, shared, strict=True):
        # Sums in another order can round to the next level.
        assert np.mean(np.abs(np.asarray(one) - np.asarray(two)) > 1e-5) < 1e-3


def products(jaxpr):
    """All matrix products of a program and of the programs within it."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            yield equation
        for inner in jaxprs_in_params(equation.params):
            yield from products(inner)


@pytest.mark.parametrize("function", [make_degradation("real", scale=SCALE), lambda key, crops: sharpened(crops / 255)])
def test_all_products_ask_for_full_precision(function):
    program = jax.make_jaxpr(function)(jax.random.key(0), jnp.zeros((2, READ, READ, 3), jnp.uint8))
    precisions = {product.params["precision"] for product in products(program.jaxpr)}
    assert precisions == {(jax.lax.Precision.HIGHEST,) * 2}
