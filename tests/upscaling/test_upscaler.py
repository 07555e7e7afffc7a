import dataclasses
import subprocess
import sys
import time
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from random_networks import random_variables

import jaxsr
from jaxsr.errors import InputError
from jaxsr.imaging.resize import resize_uint8
from jaxsr.models import ESPCN, SRCNN, SRResNet
from jaxsr.weights import Weights, save_weights


def save_random(path, model):
    variables = random_variables(model)
    # Around the middle of the range, so that clipping hides little.
    variables["params"]["conv_last"]["kernel"] *= 0.3
    save_weights(path, Weights(model, variables, {}))
    return variables


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("weights")


@pytest.fixture(scope="module")
def upscaler(folder):
    save_random(folder / "small.safetensors", SRResNet(features=8, blocks=2, scale=3))
    return jaxsr.load(folder / "small.safetensors", tile=48)


@pytest.fixture
def photo():
    """[37, 60, 3] uint8, smooth with noise."""
    rows, columns = np.mgrid[0:37, 0:60]
    waves = np.stack([np.sin(rows / 5), np.cos(columns / 7), np.sin((rows + columns) / 9)], -1)
    return np.uint8(127 + 90 * waves + np.random.default_rng(0).normal(0, 8, waves.shape))


@pytest.mark.parametrize(
    "model",
    [SRResNet(features=8, blocks=2, scale=2), ESPCN(scale=4), SRCNN(scale=3)],
    ids=lambda model: type(model).__name__,
)
def test_output_is_the_networks_mapped_to_the_inputs_range(folder, photo, model):
    variables = save_random(folder / "net.safetensors", model)
    signed = np.asarray(model.apply(variables, photo[None] / np.float32(255))[0])
    expected = np.clip(127.5 * (signed + 1), 0, 255)
    load = partial(jaxsr.load, folder / "net.safetensors", tile=model.halo * 2 + 9)
    upscaled = load()(photo)
    assert upscaled.dtype == np.uint8
    assert np.abs(upscaled - expected).max() < 0.51
    unit = load()(photo / 255)
    assert unit.dtype == np.float32
    np.testing.assert_allclose(unit, expected / 255, atol=1e-4)
    assert np.ptp(expected) > 30


@pytest.mark.parametrize("dtype", ["int8", "float16", np.float64, "quick", None])
def test_what_networks_do_not_compute_with_is_refused(folder, dtype):
    for name in (folder / "small.safetensors", "nearest"):
        with pytest.raises(InputError, match="must be float32 or bfloat16"):
            jaxsr.load(name, dtype=dtype)


def test_bfloat16_is_close_to_float32(folder, upscaler, photo):
    half = jaxsr.load(folder / "small.safetensors", dtype="bfloat16")
    error = np.abs(half(photo).astype(float) - upscaler(photo))
    assert 0 < error.mean() < 2


def test_the_same_kind_comes_out(tmp_path, upscaler, photo):
    Image.fromarray(photo).save(tmp_path / "photo.png")
    expected = upscaler(photo)
    assert expected.shape == (111, 180, 3)
    for picture in (Image.fromarray(photo), tmp_path / "photo.png", str(tmp_path / "photo.png")):
        upscaled = upscaler(picture)
        assert isinstance(upscaled, Image.Image)
        assert upscaled.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(upscaled), expected)
    np.testing.assert_array_equal(upscaler(jnp.asarray(photo)), expected)
    np.testing.assert_array_equal(upscaler(np.stack([photo, photo[::-1]])), np.stack([expected, upscaler(photo[::-1])]))


def test_gray_is_the_luma_of_what_gray_as_rgb_gives(upscaler, photo):
    gray = photo[..., 1]
    expected = np.asarray(Image.fromarray(upscaler(np.stack([gray] * 3, -1))).convert("L"))
    upscaled = upscaler(gray)
    assert upscaled.shape == expected.shape == (111, 180)
    assert np.abs(upscaled.astype(int) - expected).max() <= 1
    picture = upscaler(Image.fromarray(gray))
    assert picture.mode == "L"
    np.testing.assert_array_equal(np.asarray(picture), upscaled)
    unit = upscaler(gray / 255)
    np.testing.assert_allclose(unit, expected / 255, atol=1.01 / 255)


def test_transparency_is_kept(upscaler, photo):
    for colours, mode in ((photo, "RGBA"), (photo[..., 1], "LA")):
        opaque = upscaler(Image.fromarray(np.dstack([colours, np.full_like(photo[..., 0], 255)])))
        assert opaque.mode == mode
        # Once through floats and once through bytes: a rounding may fall on the other side.
        plain = upscaler(colours).reshape(111, 180, -1)
        assert np.abs(np.asarray(opaque)[..., :-1].astype(int) - plain).max() <= 1
        assert (np.asarray(opaque)[..., -1] == 255).all()
        alpha = photo[..., 0]
        upscaled = upscaler(Image.fromarray(np.dstack([colours, alpha])))
        assert np.abs(np.asarray(upscaled)[..., -1].astype(int) - resize_uint8(alpha, 3)).max() <= 1


def test_other_modes_are_converted_or_refused(upscaler, photo):
    picture = Image.fromarray(photo)
    for mode in ("P", "CMYK", "YCbCr", "RGBX"):
        converted = picture.convert(mode)
        assert upscaler(converted).mode == "RGB"
        np.testing.assert_array_equal(upscaler(converted), upscaler(converted.convert("RGB")))
    assert upscaler(picture.convert("1")).mode == "L"
    for mode in ("LAB", "HSV"):
        with pytest.raises(InputError, match=f"mode {mode} cannot be upscaled"):
            upscaler(Image.new(mode, (8, 8)))


def test_a_photo_on_its_side_is_turned_upright(tmp_path, upscaler, photo):
    turned = Image.fromarray(np.rot90(photo).copy())
    exif = turned.getexif()
    exif[0x0112] = 6  # to be turned clockwise by 90°
    turned.save(tmp_path / "turned.png", exif=exif)
    upscaled = upscaler(tmp_path / "turned.png")
    np.testing.assert_array_equal(np.asarray(upscaled), upscaler(photo))
    assert 0x0112 not in upscaled.getexif()
    np.testing.assert_array_equal(np.asarray(upscaler(Image.open(tmp_path / "turned.png"))), upscaler(photo))


@pytest.mark.parametrize("name", ["nearest", "bilinear", "bicubic"])
def test_interpolations_have_the_same_interface(name, photo):
    for scale in (2, 3, 4):
        upscaler = jaxsr.load(name, scale=scale)
        assert (upscaler.name, upscaler.scale, upscaler.card) == (name, scale, {})
        expected = resize_uint8(photo, scale, kernel=name)
        np.testing.assert_array_equal(upscaler(photo), expected)
        np.testing.assert_array_equal(np.asarray(upscaler(Image.fromarray(photo))), expected)
        np.testing.assert_array_equal(upscaler(photo[..., 0]), expected[..., 0])
        # The uint8 form rounds twice.
        np.testing.assert_allclose(upscaler(photo / 255) * 255, expected, atol=1.5)
        np.testing.assert_allclose(upscaler(photo[..., 0] / 255) * 255, expected[..., 0], atol=1.5)
    assert jaxsr.load(name).scale == 4
    if name == "nearest":
        np.testing.assert_array_equal(jaxsr.load(name)(photo), photo.repeat(4, 0).repeat(4, 1))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((0, 8, 3), np.uint8), "the image is empty"),
        (np.zeros((8, 8, 4), np.uint8), r"shape \(8, 8, 4\) is not an image"),
        (np.zeros(8, np.uint8), "is not an image"),
        (np.zeros((8, 8, 3), np.int64), "array of int64 is not an image"),
        (np.zeros((8, 8), bool), "array of bool is not an image"),
        (np.full((8, 8, 3), np.nan), "NaN"),
        (np.full((8, 8, 3), 255.0), "values from 255 to 255: floats must be in"),
        (np.linspace(-1, 1, 64).reshape(8, 8), "values from -1 to 1"),
        ([[1, 2], [3, 4]], "a list is not an image"),
        (None, "a NoneType is not an image"),
    ],
)
def test_what_is_no_image_is_refused(image, message):
    with pytest.raises(InputError, match=message):
        jaxsr.load("bicubic")(image)


def test_unreadable_pictures_are_refused(tmp_path, upscaler, photo):
    path = tmp_path / "photo.jpg"
    with pytest.raises(InputError, match=r"photo\.jpg"):
        upscaler(path)
    Image.fromarray(photo).save(path)
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(InputError, match=r"photo\.jpg"):
        upscaler(path)


def test_what_cannot_be_loaded_is_refused(folder, upscaler):
    with pytest.raises(InputError, match="no such weights file"):
        jaxsr.load("lanczos")
    with pytest.raises(InputError, match="take at least"):
        jaxsr.load(folder / "small.safetensors", tile=16)
    for scale in (0, -2, float("nan"), float("inf")):
        with pytest.raises(InputError, match=f"scale {scale}: must be above 0"):
            jaxsr.load("bicubic", scale=scale)


def test_progress_is_reported_for_every_tile(upscaler, photo):
    seen = []
    wide = np.concatenate([photo] * 4, axis=1)
    upscaler(wide, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, len(seen)) for done in range(1, len(seen) + 1)]
    assert len(seen) > 1
    seen.clear()
    jaxsr.load("bicubic")(photo, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 1)]


def test_an_upscaler_says_what_it_is_and_stays_it(upscaler):
    fields = "blocks=2, body_end=norm, features=8, normalisation=none, output=linear, scale=3"
    assert repr(upscaler) == f"Upscaler('small': ×3, SRResNet({fields}) in float32, tile 48)"
    assert repr(jaxsr.load("bicubic")) == "Upscaler('bicubic': ×4, interpolation)"
    with pytest.raises(dataclasses.FrozenInstanceError):
        upscaler.scale = 4


def test_the_folder_of_a_run_has_the_same_name_from_inside(tmp_path, monkeypatch):
    save_random(tmp_path / "my run/best.safetensors", ESPCN(scale=2))
    monkeypatch.chdir(tmp_path / "my run")
    names = {jaxsr.load(path).name for path in (".", "../my run", tmp_path / "my run", "best.safetensors")}
    assert names == {"my run", "best"}


def test_parameters_are_an_argument_of_the_compiled_programs(folder, upscaler, photo, monkeypatch):
    jit, texts = jax.jit, []

    def recording(function, **static):
        program = jit(function, **static)

        def call(*arguments, **keywords):
            texts.append(program.lower(*arguments, **keywords).as_text())
            return program(*arguments, **keywords)

        return call

    monkeypatch.setattr(jax, "jit", recording)
    jaxsr.load(folder / "small.safetensors", tile=48)(photo)
    # Two halves, and what they call; constants would be in the text.
    assert len(texts) >= 2
    assert max(map(len, texts)) < 50_000


def test_import_is_cheap():
    start = time.perf_counter()
    code = "import sys, jaxsr; sys.exit('jax' in sys.modules or 'PIL' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert time.perf_counter() - start < 5
    assert callable(jaxsr.load)
    assert jaxsr.metrics.psnr
    assert jaxsr.models.SRResNet
    assert callable(jaxsr.resize)
    assert callable(jaxsr.upscale)
    with pytest.raises(AttributeError, match="no attribute 'downscale'"):
        _ = jaxsr.downscale
