from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxsr.errors import InputError
from jaxsr.imaging.resize import resize, resize_matrix, resize_uint8

SET5 = Path(__file__).parents[1] / "data" / "Set5"
NAMES = ("baby", "bird", "butterfly", "head", "woman")


def read(folder, name):
    return np.asarray(Image.open(SET5 / folder / f"{name}.png"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("folder", "scale", "border"),
    [("LR_bicubic_X4", 4, "mirror"), ("LR_bicubic_X2", 2, "mirror"), ("LR_bicubic_X4_old", 4, "clamp")],
)
def test_equal_to_matlab_bit_for_bit(name, folder, scale, border):
    hr = read("HR", name)
    height, width = (side - side % scale for side in hr.shape[:2])
    low = resize_uint8(hr[:height, :width], 1 / scale, border=border)
    np.testing.assert_array_equal(low, read(folder, name))


def test_gray_equals_each_channel():
    hr = read("HR", "head")
    low = resize_uint8(hr, 1 / 4)
    for channel in range(3):
        np.testing.assert_array_equal(resize_uint8(hr[..., channel], 1 / 4), low[..., channel])


@pytest.mark.parametrize("kernel", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("border", ["mirror", "clamp"])
@pytest.mark.parametrize("scale", [3, 8, 1 / 2, 1 / 3])
def test_jax_form_equals_the_uint8_form_up_to_its_two_roundings(scale, border, kernel):
    # Within 60 to 195 the cubic's overshoot stays inside 0 to 255, so that nothing is clipped on the way.
    image = np.random.default_rng(0).integers(60, 196, (48, 72, 3)).astype(np.uint8)
    exact = jax.jit(partial(resize, scale=scale, kernel=kernel, border=border))(jnp.asarray(image, jnp.float32))
    rounded = resize_uint8(image, scale, kernel=kernel, border=border)
    assert exact.shape == rounded.shape
    assert rounded.min() > 0
    assert rounded.max() < 255
    # The first rounding is carried through the second pass, whose weights have at most 1.5 as sum of magnitudes.
    bound = 0.5 * np.abs(resize_matrix(72, scale, kernel=kernel, border=border)).sum(axis=1).max() + 0.5
    assert bound < 1.25
    assert np.abs(np.asarray(exact, np.float64) - rounded).max() <= bound + 1e-3


def test_integers_are_refused():
    with pytest.raises(InputError, match="an array of uint8 cannot be resized"):
        resize(np.full((8, 8, 3), 200, np.uint8), 0.5)


def test_leading_axes_are_kept():
    images = jax.random.uniform(jax.random.key(0), (2, 3, 8, 12, 3))
    out = resize(images, 1 / 4)
    assert out.shape == (2, 3, 2, 3, 3)
    np.testing.assert_allclose(out[1, 2], resize(images[1, 2], 1 / 4), atol=1e-6)


def test_equal_to_jax_image_resize_away_from_the_border():
    image = jax.random.uniform(jax.random.key(1), (64, 48, 3))
    theirs = jax.image.resize(image, (16, 12, 3), "cubic", antialias=True)
    np.testing.assert_allclose(resize(image, 1 / 4)[2:-2, 2:-2], theirs[2:-2, 2:-2], atol=1e-5)


def keys_cubic(distance):
    """Keys 1981, equation 15."""
    s = abs(distance)
    if s < 1:
        return 3 / 2 * s**3 - 5 / 2 * s**2 + 1
    return -1 / 2 * s**3 + 5 / 2 * s**2 - 4 * s + 2 if s < 2 else 0.0


def test_matrix_of_doubling_is_keys_cubic_at_quarters():
    # Output 2i lies a quarter sample before input i: -3/128, 29/128, 111/128, -9/128 by equation 15.
    matrix = resize_matrix(8, 2)
    weights = np.array([-3, 29, 111, -9]) / 128
    np.testing.assert_allclose(weights, [keys_cubic(d) for d in (1.75, 0.75, 0.25, 1.25)])
    np.testing.assert_allclose(matrix[8], [0, 0, *weights, 0, 0], atol=1e-15)
    np.testing.assert_allclose(matrix[9], [0, 0, 0, *weights[::-1], 0], atol=1e-15)


def test_matrix_of_halving_is_the_widened_cubic():
    # Output i lies between inputs 2i and 2i + 1, and the kernel is twice as wide.
    half = np.array([keys_cubic((k + 0.5) / 2) for k in range(4)]) / 2
    assert 2 * half.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(resize_matrix(16, 1 / 2)[4], [0] * 5 + [*half[::-1], *half] + [0] * 3, atol=1e-15)


def test_beyond_the_border_the_signal_is_mirrored_or_its_end_repeated():
    # Output 0 of doubling lies at -1/4: its taps are inputs -2 to 1.
    a, b, c, d = np.array([-3, 29, 111, -9]) / 128
    np.testing.assert_allclose(resize_matrix(4, 2)[0], [b + c, a + d, 0, 0], atol=1e-15)
    np.testing.assert_allclose(resize_matrix(4, 2, border="clamp")[0], [a + b + c, d, 0, 0], atol=1e-15)


@pytest.mark.parametrize("kernel", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("border", ["mirror", "clamp"])
@pytest.mark.parametrize("scale", [2, 3, 4, 8, 1 / 2, 1 / 3, 1 / 4, 1 / 8, 0.7, 1.5])
@pytest.mark.parametrize("length", [1, 2, 5, 24])
def test_flat_signals_stay_flat_and_the_size_is_matlabs(length, scale, border, kernel):
    matrix = resize_matrix(length, scale, kernel=kernel, border=border)
    assert matrix.shape == (int(np.ceil(np.round(length * scale, 6))), length)
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_nearest_repeats_samples(scale):
    signal = np.arange(7.0)
    np.testing.assert_array_equal(resize_matrix(7, scale, kernel="nearest") @ signal, np.repeat(signal, scale))


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize(("kernel", "power"), [("bilinear", 1), ("bicubic", 1), ("bicubic", 2)])
def test_upscaling_reproduces_polynomials_inside(kernel, power, scale):
    # Keys' cubic with a = -1/2 is exact for quadratics, the triangle for straight lines.
    places = (np.arange(12 * scale) + 0.5) / scale - 0.5
    upscaled = resize_matrix(12, scale, kernel=kernel) @ np.arange(12.0) ** power
    inside = slice(2 * scale, -2 * scale)
    np.testing.assert_allclose(upscaled[inside], places[inside] ** power, atol=1e-12)
