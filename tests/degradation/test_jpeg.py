"""JPEG's arithmetic against libjpeg, which Pillow calls."""

import io

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxsr.data.degradation.jpeg import compressed, quantisation_tables
from jaxsr.data.sources import open_source


def libjpeg(picture, quality, subsampling):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality, subsampling=subsampling)
    return Image.open(file)


@pytest.fixture(scope="module")
def pictures():
    source = open_source(["samples"])
    return np.stack([source[i][100:196, 60:172] for i in range(4)])


@pytest.mark.parametrize("quality", [10, 30, 75, 95])
@pytest.mark.parametrize("subsampled", [False, True])
def test_pictures_are_within_two_levels_of_libjpegs(pictures, quality, subsampled):
    count = len(pictures)
    ours = np.asarray(compressed(pictures / np.float32(255), jnp.full(count, quality), jnp.full(count, subsampled)))
    for picture, mine in zip(pictures, 255 * ours, strict=True):
        theirs = np.asarray(libjpeg(picture, quality, 2 if subsampled else 0), float)
        difference = np.abs(mine - theirs).mean()
        assert difference < 2
        # Not by leaving the picture as it is.
        assert difference < 0.7 * np.abs(picture - theirs).mean()


@pytest.mark.parametrize("quality", [5, 30, 50, 75, 95, 100])
def test_tables_are_libjpegs(quality):
    theirs = libjpeg(np.zeros((16, 16, 3), np.uint8), quality, 0).quantization
    ours = np.asarray(quantisation_tables(jnp.array([quality]))[0]).reshape(2, 64)
    assert ours.tolist() == [theirs[0], theirs[1]]


def test_gray_stays_gray():
    gray = np.random.default_rng(0).random((1, 32, 32, 1)).repeat(3, axis=-1).astype(np.float32)
    result = np.asarray(compressed(gray, jnp.array([40]), jnp.array([True])))
    np.testing.assert_array_equal(result[..., 0], result[..., 1])
    np.testing.assert_array_equal(result[..., 0], result[..., 2])
