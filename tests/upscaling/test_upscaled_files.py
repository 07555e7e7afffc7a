import numpy as np
import pytest
from PIL import Image

import jaxsr
from jaxsr.errors import InputError
from jaxsr.upscaling.files import file_stages, upscale_file


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


def test_compression_changes_the_size_of_a_png_and_no_pixel(tmp_path):
    rows, columns = np.mgrid[:80, :90]
    source, upscaler = tmp_path / "waves.png", jaxsr.load("bicubic")
    Image.fromarray(np.uint8(127 + 80 * np.sin(rows / 7) * np.cos(columns / 9))).save(source)
    for compression in ("fast", "small"):
        stages, target = file_stages(upscaler, compression=compression), tmp_path / f"{compression}.png"
        stages.write(stages.compute(stages.read(source), target, None), target)
        np.testing.assert_array_equal(np.asarray(Image.open(target)), upscaler(np.asarray(Image.open(source))))
    assert (tmp_path / "small.png").stat().st_size < (tmp_path / "fast.png").stat().st_size


def test_a_missing_picture_is_an_input_error_even_if_the_target_exists(tmp_path):
    Image.new("L", (3, 2)).save(tmp_path / "there.png")
    with pytest.raises(InputError, match=r"missing\.png: No such file"):
        jaxsr.upscale(tmp_path / "missing.png", tmp_path / "there.png", model="bicubic")


@pytest.mark.parametrize(
    ("suffix", "size", "message"),
    [
        (".webp", (1, 16384), "WEBP has at most 16383 pixels on a side"),
        (".jpg", (65501, 1), "JPEG has at most 65500 pixels on a side"),
        (".gif", (1, 65536), "GIF has at most 65535 pixels on a side"),
        (".png", (10**6, 10**6), "are more than the limit of 32000 megapixels"),
    ],
)
def test_a_result_that_is_too_large_is_refused_before_the_work(suffix, size, message, tmp_path):
    source, target = tmp_path / "small.png", tmp_path / f"large{suffix}"
    Image.new("L", (3, 2)).save(source)
    with pytest.raises(InputError, match=message):
        upscale_file(jaxsr.load("bicubic"), source, target, size=lambda _: size, progress=pytest.fail)
    assert not target.exists()
    if suffix != ".png":
        upscale_file(jaxsr.load("bicubic"), source, target, size=lambda _: tuple(max(1, side - 1) for side in size))
        assert target.exists()
