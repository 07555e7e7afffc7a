import itertools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_networks import images, random_variables

from jaxsr.errors import InputError
from jaxsr.evaluation.photos import find_set, read_set
from jaxsr.evaluation.protocol import evaluate
from jaxsr.imaging.resize import resize
from jaxsr.models import SRResNet
from jaxsr.upscaling.loading import load_named
from jaxsr.upscaling.refinement import Refinement, back_projected, color_locked, self_ensembled
from jaxsr.weights.store import Weights, save_weights

SET5 = Path(__file__).parents[1] / "data" / "Set5"


def residual(sr, lr):
    return float(jnp.abs(lr - resize(sr, 1 / 4)).max())


def test_back_projection_converges_to_a_result_that_reduces_to_the_input():
    lr = jnp.asarray(images(20, 24))
    sr = resize(lr, 4) + 0.1 * images(80, 96, seed=2)
    residuals = [residual(sr, lr)]
    for _ in range(30):
        sr = back_projected(sr, lr, scale=4)
        residuals.append(residual(sr, lr))
    assert all(after < before for before, after in itertools.pairwise(residuals))
    assert residuals[30] < 0.02 * residuals[0]


def test_back_projection_keeps_what_is_consistent():
    hr = jnp.asarray(images(80, 96))
    lr = resize(hr, 1 / 4)
    np.testing.assert_allclose(back_projected(hr, lr, scale=4), hr, atol=1e-5)


def test_the_ensemble_of_an_equivariant_function_is_the_function_and_else_its_mean():
    lr = jnp.asarray(images(6, 9))
    np.testing.assert_allclose(self_ensembled(lambda x: resize(x, 4), lr), resize(lr, 4), atol=1e-5)
    # A gradient from left to right, in eight directions, is flat.
    slope = self_ensembled(lambda x: jnp.broadcast_to(jnp.arange(x.shape[1])[:, None] / x.shape[1], x.shape), lr)
    np.testing.assert_allclose(slope, np.full(lr.shape, slope.mean()), atol=0.5 / 6)


def test_the_color_lock_takes_a_shift_back_and_leaves_texture():
    lr = jnp.asarray(0.25 + 0.5 * images(40, 48))
    texture = 0.05 * jnp.asarray((-1.0) ** np.add.outer(np.arange(160), np.arange(192)))[..., None]
    true = resize(lr, 4) + texture
    # Brighter at one side, and redder everywhere.
    shift = 0.2 * jnp.linspace(0, 1, 192)[None, :, None] + jnp.array([0.1, 0.0, -0.05])
    locked = color_locked(true + shift, lr, scale=4)
    regions = lambda image: image.reshape(4, 40, 4, 48, 3).mean(axis=(1, 3))  # noqa: E731
    assert np.abs(regions(true + shift) - regions(true)).max() > 0.2
    assert np.abs(regions(locked) - regions(true)).max() < 0.01
    detail = locked - resize(resize(locked, 1 / 4), 4)
    expected = true - resize(resize(true, 1 / 4), 4)
    np.testing.assert_allclose(detail, expected, atol=0.01)


@pytest.mark.parametrize(
    "options",
    [{"self_ensemble": True}, {"color_lock": True}, {"color_lock": True, "back_project": 2}],
)
def test_tiles_give_what_the_whole_gives(options, tmp_path):
    model = SRResNet(features=4, blocks=1)
    save_weights(tmp_path / "net.safetensors", Weights(model, random_variables(model), {}))
    reach = model.halo + Refinement(**options).reach
    whole = load_named(tmp_path / "net.safetensors", tile=256, **options)
    tiled = load_named(tmp_path / "net.safetensors", tile=2 * reach + 9, **options)
    lr = images(2 * reach + 20, 2 * reach + 31)
    ours = tiled(lr)
    np.testing.assert_allclose(ours, whole(lr), atol=2e-5)
    # Not flat: the comparison would see a seam.
    assert ours.std() > 0.05


@pytest.mark.parametrize(("network", "option"), [("espcn", {"self_ensemble": True}), ("srgan", {"back_project": 5})])
def test_they_raise_psnr(network, option):
    photos = [photo for photo in read_set(find_set(SET5)[1]) if photo[0] == "butterfly"]
    plain, refined = (
        evaluate(load_named(network, **options), photos, metrics=("psnr_y",))["mean"]["psnr_y"]
        for options in ({}, option)
    )
    assert refined > plain + 0.05


def test_back_projection_of_an_interpolation_raises_psnr_and_is_the_same_in_tiles():
    photos = [photo for photo in read_set(find_set(SET5)[1]) if photo[0] == "bird"]
    plain, refined = (
        evaluate(load_named("bicubic", **options), photos, metrics=("psnr_y",))["mean"]["psnr_y"]
        for options in ({}, {"back_project": 10})
    )
    assert refined > plain + 0.3
    lr = images(70, 95)
    whole, tiled = (load_named("bicubic", back_project=2, tile=tile)(lr) for tile in (128, 40))
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


@pytest.mark.parametrize("name", ["self_ensemble", "color_lock"])
def test_interpolations_take_no_other(name):
    with pytest.raises(InputError, match="bicubic is an interpolation"):
        load_named("bicubic", **{name: 1})


def test_a_negative_number_of_iterations_is_refused():
    with pytest.raises(InputError, match="back-project -1"):
        load_named("espcn", back_project=-1)


def test_a_color_locked_gray_picture_stays_gray():
    gray = (255 * np.asarray(jax.random.uniform(jax.random.key(0), (20, 24)))).astype(np.uint8)
    assert load_named("espcn", color_lock=True, back_project=2)(gray).shape == (80, 96)
