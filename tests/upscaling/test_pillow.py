"""Pillow images in and out."""

import io

import numpy as np
import pytest
from PIL import Image

import jaxsr
from jaxsr.errors import InputError
from jaxsr.upscaling import AutomaticUpscaler

PHOTO = np.random.default_rng(0).integers(0, 256, (9, 14, 3), dtype=np.uint8)


def test_what_has_no_pixels_is_refused():
    upscaler = jaxsr.load("bicubic")
    with pytest.raises(InputError, match="the image is empty"):
        upscaler(Image.new("RGB", (0, 5)))
    for size in [(0, 7), (7, -1)]:
        with pytest.raises(InputError, match="must be at least 1"):
            upscaler(PHOTO, size=size)


@pytest.mark.parametrize("size", [40, (40.0, 50.0), (40.5, 50), (4, 5, 3), "40x50"])
def test_what_is_no_size_is_refused(size):
    for upscaler in (jaxsr.load("nearest"), AutomaticUpscaler("auto", 4, {}, pytest.fail, sharp=False)):
        for picture in (PHOTO, Image.fromarray(PHOTO)):
            with pytest.raises(InputError, match=r"size .*: give \(height, width\), two whole numbers of pixels"):
                upscaler(picture, size=size)
    assert jaxsr.load("nearest")(PHOTO, size=np.array([18, 28])).shape == (18, 28, 3)


def test_floats_of_pil_images_are_held_to_what_arrays_are():
    upscaler, unit = jaxsr.load("nearest", scale=2), np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    np.testing.assert_array_equal(upscaler(Image.fromarray(unit)), unit.repeat(2, axis=0).repeat(2, axis=1))
    with pytest.raises(InputError, match="the image has values from 0 to 255"):
        upscaler(Image.fromarray(255 * unit))
    with pytest.raises(InputError, match="the image has NaN"):
        upscaler(Image.fromarray(unit * np.float32("nan")))
    with pytest.raises(InputError, match="the image is empty"):
        upscaler(Image.new("F", (0, 5)))


def test_integers_of_32_bits_are_taken_as_16():
    upscaler, levels = jaxsr.load("nearest", scale=2), np.array([[0, 1, 300], [40000, 65534, 65535]], np.int32)
    picture = Image.fromarray(levels)
    assert picture.mode == "I"
    larger = upscaler(picture)
    assert larger.mode == "I;16"
    np.testing.assert_array_equal(np.asarray(larger), levels.repeat(2, axis=0).repeat(2, axis=1))
    for wrong in (levels - 1, levels + 1):
        with pytest.raises(InputError, match=f"values from {wrong.min()} to {wrong.max()}: mode I must be from 0 to"):
            upscaler(Image.fromarray(wrong))
    with pytest.raises(InputError, match="the image is empty"):
        upscaler(Image.new("I", (0, 5)))


def test_a_truncated_pil_image_is_one_sentence():
    whole = io.BytesIO()
    Image.fromarray(np.tile(PHOTO, (9, 9, 1))).save(whole, "JPEG")
    with (
        Image.open(io.BytesIO(whole.getvalue()[: whole.tell() // 2])) as picture,
        pytest.raises(InputError, match=r"the PIL image: cannot be read as a picture \(image file is truncated"),
    ):
        jaxsr.load("nearest")(picture)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "CMYK"])
def test_a_pil_images_profile_is_kept_with_its_colours(mode):
    picture = Image.fromarray(PHOTO).convert(mode)
    picture.info["icc_profile"] = b"wide"
    # Other inks are other numbers: of CMYK the result is RGB.
    kept = None if mode == "CMYK" else b"wide"
    assert jaxsr.load("bicubic")(picture).info.get("icc_profile") == kept
