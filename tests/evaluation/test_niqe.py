import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter
from test_evaluate_script import run

import jaxsr
from jaxsr.errors import InputError
from jaxsr.evaluation.photos import read_set
from jaxsr.imaging.photo import read_photo
from jaxsr.metrics import niqe

DATA = Path(__file__).parents[1] / "data"
# By `calculate_niqe(image, crop_border=0)` of BasicSR 1.4.2 with numpy 2.4, scipy 1.17 and OpenCV 5.0; of the gray
# `bridge` with input_order="HW". BasicSR's source has MATLAB R2021a's own value for `baboon`: 5.72957338.
BASICSR = {
    "Set5/HR/baby": 3.265488574996172,
    "Set5/HR/bird": 4.362078438448211,
    "Set5/HR/butterfly": 5.154898254953524,
    "Set5/HR/head": 8.350490648900644,
    "Set5/HR/woman": 4.389002811847953,
    "Set14/HR/baboon": 5.729572592446551,
    "Set14/HR/bridge": 2.512162189134663,
    "Set14/HR/comic": 4.138835865894298,
    "Set14/HR/foreman": 5.935862,
    "Set14/HR/ppt3": 5.447663,
}


@pytest.mark.parametrize(("name", "expected"), BASICSR.items())
def test_the_public_implementations_values(name, expected):
    ((_, photo),) = read_set([DATA / f"{name}.png"])
    assert niqe(photo) == pytest.approx(expected, abs=0.005)


def test_matlabs_own_value():
    assert niqe(read_photo(DATA / "Set14" / "HR" / "baboon.png")) == pytest.approx(5.72957338, abs=1e-5)


def test_blur_noise_and_blocks_are_less_natural(tmp_path):
    photo = read_photo(DATA / "Set14" / "HR" / "flowers.png")
    Image.fromarray(photo).save(tmp_path / "flowers.jpg", quality=15)
    noise = np.random.default_rng(0).normal(0, 25, photo.shape)
    worse = {
        "blur": gaussian_filter(photo, (2, 2, 0)),
        "noise": np.clip(np.round(photo + noise), 0, 255).astype(np.uint8),
        "blocks": read_photo(tmp_path / "flowers.jpg"),
    }
    for name, picture in worse.items():
        assert niqe(picture) > niqe(photo) + 1, name


def test_what_lies_beyond_whole_blocks_does_not_count():
    photo = read_photo(DATA / "Set5" / "HR" / "baby.png")
    assert niqe(photo) == niqe(photo[:480, :480])


@pytest.mark.parametrize("image", [np.zeros((191, 191, 3), np.uint8), np.full((200, 300), 77, np.uint8)])
def test_too_little_to_judge_is_one_sentence(image):
    with pytest.raises(InputError, match="two blocks of 96×96 pixels"):
        niqe(image)


def test_pictures_without_an_original_are_scored_as_they_are_and_upscaled(tmp_path):
    wild = tmp_path / "wild"
    wild.mkdir()
    for name in ("head", "woman"):
        (wild / f"{name}.png").write_bytes((DATA / "Set5" / "HR" / f"{name}.png").read_bytes())
    done = run("--sr", wild, "--json", tmp_path / "report.json")
    assert done.returncode == 0, done.stderr
    (result,) = json.loads((tmp_path / "report.json").read_text())["results"]
    assert result["images"] == {name: {"niqe": niqe(read_photo(wild / f"{name}.png"))} for name in ("head", "woman")}
    assert f"{np.mean([scores['niqe'] for scores in result['images'].values()]):.3f}" in done.stdout
    (wild / "woman.png").unlink()
    done = run("--lr", wild, "--model", "nearest", "bicubic", "--json", tmp_path / "report.json")
    assert done.returncode == 0, done.stderr
    assert "PSNR" not in done.stdout
    results = json.loads((tmp_path / "report.json").read_text())["results"]
    for result, model in zip(results, ("nearest", "bicubic"), strict=True):
        assert (result["model"], result["scale"]) == (model, 4)
        assert result["mean"]["niqe"] == niqe(jaxsr.load(model)(read_photo(wild / "head.png")))
