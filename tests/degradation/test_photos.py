"""Whole photos by the degradations: the picture is there, whichever branch chance takes."""

import typing

import jax
import numpy as np
import pytest
from PIL import Image

from jaxsr.config import Degradation
from jaxsr.data.degradation import DEGRADATIONS, make_degradation
from jaxsr.data.degradation.photos import degrade_photo
from jaxsr.data.degradation.ranges import RANGES
from jaxsr.errors import InputError
from jaxsr.imaging.resize import resize_uint8
from jaxsr.metrics import psnr

BUTTERFLY = np.asarray(Image.open("tests/data/Set5/HR/butterfly.png").convert("RGB"))
# With its margin at ×4, it is 256 pixels, to which photos are padded.
PHOTO = BUTTERFLY[:192, :192]


def test_the_flags_name_the_degradations_and_others_are_refused():
    assert typing.get_args(Degradation) == DEGRADATIONS
    with pytest.raises(InputError, match="degradation haze is unknown: choose bicubic, real, wang2021"):
        degrade_photo(jax.random.key(0), PHOTO, degradation="haze", scale=4)
    with pytest.raises(InputError, match="degradation haze is unknown"):
        make_degradation("haze", scale=4)


@pytest.mark.parametrize("degradation", DEGRADATIONS)
def test_brightness_stays_whatever_is_drawn(degradation):
    reduced = resize_uint8(PHOTO, 1 / 4)
    for seed in range(12):
        low = degrade_photo(jax.random.key(seed), PHOTO, degradation=degradation, scale=4)
        assert low.shape == reduced.shape
        assert np.abs(low.mean((0, 1)) - reduced.mean((0, 1))).max() < 20
        assert np.corrcoef(low.mean(-1).ravel(), reduced.mean(-1).ravel())[0, 1] > 0.5


@pytest.fixture
def quiet(monkeypatch):
    """The degradation `wang2021` with resizing alone, and of that only what a test names."""

    def only(**changes):
        nothing = {"blur": 0.0, "resize": (0.0, 0.0, 1.0), "noise": 0.0, "jpeg": 0.0}
        first, last = (round._replace(**nothing) for round in RANGES["wang2021"].rounds)
        rounds = (first._replace(**changes), last)
        monkeypatch.setitem(RANGES, "wang2021", RANGES["wang2021"]._replace(rounds=rounds, last_sinc=0.0))

    return only


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_photo_lies_where_its_bicubic_reduction_lies(quiet, scale):
    quiet()
    low = degrade_photo(jax.random.key(0), PHOTO, degradation="wang2021", scale=scale)
    reduced = resize_uint8(PHOTO, 1 / scale)
    # A shift of a third of a pixel costs more than ten decibels.
    assert psnr(low, reduced) > 30


def test_an_enlarged_photo_keeps_its_edges(quiet):
    quiet(resize=(1.0, 0.0, 0.0), factor=(1.0, 1.5))
    # With its margin, this is 768 pixels, to which smaller photos are padded.
    photo = np.tile(BUTTERFLY, (3, 3, 1))[:704, :704]
    reduced = resize_uint8(photo, 1 / 4)
    for seed in range(4):
        low = degrade_photo(jax.random.key(seed), photo, degradation="wang2021", scale=4)
        error = np.abs(low.astype(float) - reduced)
        frame = np.r_[0:3, -3:0]
        assert error[frame].mean() < 3 * error.mean()
        assert error[:, frame].mean() < 3 * error.mean()
