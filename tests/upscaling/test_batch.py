import numpy as np
import pytest
from PIL import Image

import jaxsr
from jaxsr.errors import InputError
from jaxsr.upscaling.batch import upscale_file


def test_a_result_with_transparency_is_no_jpeg(tmp_path):
    source = tmp_path / "glass.png"
    Image.new("RGBA", (6, 5), (0, 128, 128, 77)).save(source)
    upscaler = jaxsr.load("bicubic")
    with pytest.raises(InputError, match=r"larger\.jpg: JPEG has no transparency.* \.png"):
        upscale_file(upscaler, source, tmp_path / "larger.jpg")
    for suffix in (".png", ".tif"):
        upscale_file(upscaler, source, tmp_path / f"larger{suffix}")
        written = np.asarray(Image.open(tmp_path / f"larger{suffix}"))
        np.testing.assert_array_equal(written, np.full((20, 24, 4), (0, 128, 128, 77)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["glass.png", "larger.png", "larger.tif"]


def test_a_missing_picture_is_an_input_error_even_if_the_target_exists(tmp_path):
    Image.new("L", (3, 2)).save(tmp_path / "there.png")
    with pytest.raises(InputError, match=r"missing\.png: No such file"):
        jaxsr.upscale(tmp_path / "missing.png", tmp_path / "there.png", model="bicubic")
