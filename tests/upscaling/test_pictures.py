"""Pillow images in and out."""

import numpy as np
import pytest
from PIL import Image

import jaxsr
from jaxsr.errors import InputError

PHOTO = np.random.default_rng(0).integers(0, 256, (9, 14, 3), dtype=np.uint8)


def test_what_has_no_pixels_is_refused():
    upscaler = jaxsr.load("bicubic")
    with pytest.raises(InputError, match="the image is empty"):
        upscaler(Image.new("RGB", (0, 5)))
    for size in [(0, 7), (7, -1)]:
        with pytest.raises(InputError, match="must be at least 1"):
            upscaler(PHOTO, size=size)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "CMYK"])
def test_a_pil_images_profile_is_kept_with_its_colours(mode):
    picture = Image.fromarray(PHOTO).convert(mode)
    picture.info["icc_profile"] = b"wide"
    # Other inks are other numbers: of CMYK the result is RGB.
    kept = None if mode == "CMYK" else b"wide"
    assert jaxsr.load("bicubic")(picture).info.get("icc_profile") == kept
