"""Measures of a picture's history against histories made by Pillow and numpy."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxsr.evaluation.photos import find_set, read_set
from jaxsr.evaluation.protocol import hr_and_lr
from jaxsr.imaging.quality import file_quality, jpeg_quality, noise_level, traces

SET5 = dict(read_set(find_set(Path(__file__).parents[1] / "data" / "Set5")[1]))


def jpeg(picture, quality):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return file


@pytest.mark.parametrize("quality", [2, 5, 12, 20, 30, 50, 75, 90, 95, 100])
def test_the_quality_is_that_of_libjpegs_tables(quality):
    found = jpeg_quality(Image.open(jpeg(SET5["head"], quality)))
    assert found == pytest.approx(quality, abs=1)


def test_other_files_have_no_quality(tmp_path):
    Image.fromarray(SET5["head"]).save(tmp_path / "head.png")
    (tmp_path / "broken.jpg").write_bytes(jpeg(SET5["head"], 50).getvalue()[:100])
    assert file_quality(tmp_path / "head.png") is None
    assert file_quality(tmp_path / "missing.png") is None
    assert file_quality(tmp_path / "broken.jpg") is None or file_quality(tmp_path / "broken.jpg") == 50


@pytest.mark.parametrize("sigma", [4.0, 10.0])
def test_noise_is_estimated_on_flat_and_on_natural_pictures(sigma):
    noise = np.random.default_rng(0).normal(0, sigma, (256, 256))
    gradient = np.linspace(40, 200, 256)[None] + np.zeros((256, 1))
    for clean in (gradient, np.asarray(Image.fromarray(SET5["baby"]).convert("L"), float)[:256, :256]):
        assert noise_level(clean) < 1
        # Of 64 samples a window, and the flattest of many windows.
        assert 0.65 * sigma < noise_level(clean + noise) < 1.1 * sigma


def test_straight_edges_and_cut_off_light_are_no_noise():
    stripes = np.tile(np.repeat([30.0, 220.0], 7), 16)[None].repeat(128, axis=0)
    assert noise_level(stripes) == pytest.approx(0, abs=1e-9)
    burnt = np.full((128, 128), 255.0)
    burnt[:, :64] = 128 + np.random.default_rng(0).normal(0, 8, (128, 64))
    assert noise_level(burnt) > 5


@pytest.mark.parametrize("edge", [0, 255])
def test_colour_and_gray_pictures_show_the_same_noise_beside_black_or_white_bars(edge):
    gray = 128 + np.random.default_rng(0).normal(0, 10, (160, 160))
    gray[:24] = edge
    gray = gray.round().clip(0, 255).astype(np.uint8)
    found = [traces(picture).noise for picture in (gray, gray[..., None].repeat(3, axis=2))]
    assert found[0] == pytest.approx(found[1], rel=1e-3)
    assert 6 < found[1] < 11


def test_small_pictures_and_floats_are_taken():
    small = hr_and_lr(SET5["bird"], scale=4)[1]
    assert traces(small[:9, :9]) == (None, None, 0.0)
    ints, floats = traces(small), traces(small.astype(np.float32) / 255)
    assert ints.noise == pytest.approx(floats.noise, rel=1e-4)
    coded = np.asarray(Image.open(jpeg(SET5["bird"], 80)))
    for pixels in (coded, coded.astype(np.float32) / 255):
        assert traces(pixels).former_quality == 80
