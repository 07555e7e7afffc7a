"""Given LR files, given results, and degraded photos."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import jaxsr
from jaxsr.data.pairing import counterparts
from jaxsr.errors import InputError
from jaxsr.evaluation.photos import find_set, read_set
from jaxsr.evaluation.protocol import PROTOCOL, evaluate, hr_and_lr, score_results
from jaxsr.evaluation.sets import open_sets

SET5 = Path(__file__).parents[1] / "data" / "Set5"


@pytest.fixture
def photos(tmp_path):
    """Two photos, their MATLAB reductions and bicubic's results, in folders."""
    for folder in ("hr", "lr", "sr"):
        (tmp_path / folder).mkdir()
    for name, photo in read_set(find_set(SET5)[1]):
        if name not in ("head", "woman"):
            continue
        hr, lr = hr_and_lr(photo[20:120, 30:141], scale=4)
        Image.fromarray(hr).save(tmp_path / "hr" / f"{name}.png")
        Image.fromarray(lr).save(tmp_path / "lr" / f"{name}x4.png")
        Image.fromarray(jaxsr.load("bicubic")(lr)).save(tmp_path / "sr" / f"{name}_out.png")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("0001", "0001x4"),
        ("head", "head_x4"),
        ("a/head", "a/head_LR"),
        ("img_001_SRF_4_HR", "img_001_SRF_4_LR"),
        ("tax4", "tax4"),
        ("0001x4", "0001"),
        ("0001x4_HR", "0001_LR"),
        ("photo", "photo_x3.5"),
        ("photo", "photo_out"),
    ],
)
def test_names_of_one_photo_are_paired(name, other):
    assert counterparts([name], [other, "another", f"b/{other}"]) == {name: other}


def test_the_same_name_goes_before_a_similar_one():
    assert counterparts(["dog", "dog_x4", "cat"], ["dog", "dog_x4"]) == {"dog": "dog", "dog_x4": "dog_x4"}


@pytest.mark.parametrize(
    ("names", "others", "pairs"),
    [
        (["fox1", "fox2"], ["fox1_x4", "fox2_x4"], {"fox1": "fox1_x4", "fox2": "fox2_x4"}),
        (["box2", "box3"], ["box2x4", "box3x4"], {"box2": "box2x4", "box3": "box3x4"}),
        (["box3"], ["box2x4"], {}),
        (["box2", "bo"], ["bo", "box2x4"], {"box2": "box2x4", "bo": "bo"}),
        (["bo", "box2"], ["bo"], {"bo": "bo"}),
        (["box2"], ["bo", "box2_LR_out"], {"box2": "box2_LR_out"}),
        (["photo", "photo_out"], ["photo"], {"photo": "photo"}),
        (["a", "a"], ["a_LR", "a_x4"], {"a": "a_LR"}),
        (["a_HR", "a"], ["a_LR", "a_x4"], {"a": "a_LR", "a_HR": "a_x4"}),
    ],
)
def test_no_two_photos_get_the_same_counterpart(names, others, pairs):
    assert counterparts(names, others) == pairs


def test_given_files_score_as_the_pictures_they_hold(photos):
    expected = evaluate(jaxsr.load("bicubic"), read_set(find_set(photos / "hr")[1]))["images"]
    ((name, low),) = open_sets([str(photos / "hr")], low=[str(photos / "lr")]).items()
    assert name == "hr, LR lr"
    assert low.protocol == PROTOCOL.replace(PROTOCOL.partition("; SR")[0], "LR as given")
    assert evaluate(jaxsr.load("bicubic"), read_set(low.paths), low=low.low)["images"] == expected
    ((_, made),) = open_sets([str(photos / "hr")], results=[str(photos / "sr")]).items()
    assert made.protocol.startswith("SR as given, clipped")
    assert score_results(made.results, read_set(made.paths))["images"] == expected


def test_several_folders_of_one_set_and_wrong_counts(photos):
    hr, lr, sr = (str(photos / name) for name in ("hr", "lr", "sr"))
    assert list(open_sets([hr], low=[lr, sr])) == ["hr, LR lr", "hr, LR sr"]
    with pytest.raises(InputError, match="--lr has 1 folders for 2"):
        open_sets([hr, sr], low=[lr])
    with pytest.raises(InputError, match="--validation-lr has 1 folders for 2 of --validation"):
        open_sets([hr, sr], low=[lr], flags=("--validation", "--validation-lr"))
    with pytest.raises(InputError, match="--lr and --degrade exclude"):
        open_sets([hr], low=[lr], degradation="real")


def test_wrong_sizes_and_missing_files_are_named(photos):
    (photos / "lr" / "headx4.png").unlink()
    with pytest.raises(InputError, match=r"--lr .*lr: no file for head\.png"):
        open_sets([str(photos / "hr")], low=[str(photos / "lr")])
    with pytest.raises(InputError, match=r"--validation-lr .*lr: no file for head\.png"):
        open_sets([str(photos / "hr")], low=[str(photos / "lr")], flags=("--validation", "--validation-lr"))
    Image.new("RGB", (27, 26)).save(photos / "lr" / "head.png")
    low = open_sets([str(photos / "hr")], low=[str(photos / "lr")])["hr, LR lr"].low
    with pytest.raises(InputError, match=r"head\.png: 27×26 pixels do not fit head at ×4, which needs 27×25"):
        low("head", np.zeros((100, 108, 3), np.uint8), scale=4)


def test_gray_photos_get_gray_counterparts(photos):
    with Image.open(photos / "hr" / "head.png") as photo:
        photo.convert("L").save(photos / "hr" / "head.png")
    low = open_sets([str(photos / "hr")], low=[str(photos / "lr")])["hr, LR lr"].low
    found = low("head", np.zeros((100, 108), np.uint8), scale=4)
    with Image.open(photos / "lr" / "headx4.png") as picture:
        np.testing.assert_allclose(found.astype(int), np.asarray(picture.convert("L")), atol=1)


def test_degraded_photos_are_those_of_the_seed_and_worse_than_reduced_ones(photos):
    hr = dict(read_set(find_set(photos / "hr")[1]))["woman"]
    first, again, other = (
        open_sets([str(photos / "hr")], degradation="real", seed=seed)["hr, real"].low("woman", hr, scale=4)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert first.shape == (25, 27, 3)
    assert np.abs(first.astype(int) - other).mean() > 1
    reduced = hr_and_lr(hr, scale=4)[1]
    assert 1 < np.abs(first.astype(int) - reduced).mean() < 30
    (bicubic,) = open_sets([str(photos / "hr")], degradation="bicubic").values()
    np.testing.assert_array_equal(bicubic.low("woman", hr, scale=4), reduced)
