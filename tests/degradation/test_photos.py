"""Whole photos by the recipes: the picture is there, whichever branch chance takes."""

import jax
import numpy as np
import pytest
from PIL import Image

from jaxsr.data.degradation import RECIPE_NAMES
from jaxsr.data.degradation.photos import degrade_photo
from jaxsr.imaging.resize import resize_uint8

PHOTO = np.asarray(Image.open("tests/data/Set5/HR/butterfly.png").convert("RGB"))


@pytest.mark.parametrize("recipe", RECIPE_NAMES)
def test_brightness_stays_whatever_is_drawn(recipe):
    reduced = resize_uint8(PHOTO, 1 / 4)
    for seed in range(12):
        low = degrade_photo(jax.random.key(seed), PHOTO, recipe=recipe, scale=4)
        assert low.shape == reduced.shape
        assert np.abs(low.mean((0, 1)) - reduced.mean((0, 1))).max() < 20
        assert np.corrcoef(low.mean(-1).ravel(), reduced.mean(-1).ravel())[0, 1] > 0.5
