"""Resizing against MATLAB's, and noise against its moments."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from jaxsr.data.degradation.noise import WHITE_COUNTS, noisy
from jaxsr.data.degradation.resampling import KERNELS, resampled
from jaxsr.data.degradation.sharpening import sharpened
from jaxsr.imaging.resize import resize


def resized(images, factor, size, kernel):
    count, side = images.shape[:2]
    middle = jnp.full((count, 2), (side - 1) / 2)
    return resampled(
        images,
        jnp.full(count, factor),
        jnp.full(count, KERNELS.index(kernel)),
        middle,
        jnp.full((count, 2), (size - 1) / 2),
        size=size,
    )


@pytest.fixture(scope="module")
def images():
    return jnp.asarray(np.random.default_rng(0).random((2, 48, 48, 3)), jnp.float32)


@pytest.mark.parametrize("kernel", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("factor", "size"), [(0.25, 12), (0.5, 24), (1.5, 72)])
def test_inside_it_is_imresize(images, kernel, factor, size):
    ours = np.asarray(resized(images, factor, size, kernel))[:, 3:-3, 3:-3]
    matlab = np.asarray(resize(images, factor, kernel=kernel))[:, 3:-3, 3:-3]
    np.testing.assert_allclose(ours, matlab, atol=1e-5)


def test_area_is_the_mean_of_blocks(images):
    expected = np.asarray(images).reshape(2, 12, 4, 12, 4, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(resized(images, 0.25, 12, "area"), expected, atol=1e-6)


def test_each_image_has_its_own_factor_place_and_kernel(images):
    place = jnp.array([[10.0, 20.0], [5.0, 7.0]])
    to = jnp.array([[2.0, 3.0], [4.0, 1.0]])
    result = resampled(images, jnp.ones(2), jnp.array([0, 2]), place, to, size=6)
    np.testing.assert_allclose(result[0], images[0, 8:14, 17:23], atol=1e-6)
    np.testing.assert_allclose(result[1], images[1, 1:7, 6:12], atol=1e-6)


def test_beyond_the_edges_the_last_pixels_are_repeated(images):
    result = np.asarray(resized(images, 0.5, 40, "bilinear"))
    np.testing.assert_allclose(result[:, :8, :8], np.broadcast_to(result[:, :1, :1], (2, 8, 8, 3)), atol=1e-6)


@pytest.mark.parametrize(("sigma", "poisson"), [(12.0, 0.0), (0.0, 1.5)])
def test_noise_has_the_variance_that_was_asked_for(sigma, poisson):
    flat = jnp.full((2, 128, 128, 3), 0.4)
    noise = noisy(jax.random.key(0), flat, jnp.full(2, sigma), jnp.full(2, poisson), jnp.array([False, True]))
    expected = np.sqrt((sigma / 255) ** 2 + poisson**2 * 0.4 / WHITE_COUNTS)
    difference = np.asarray(noise - flat)
    assert difference.mean() == pytest.approx(0, abs=0.02 * expected)
    assert difference.std(axis=(1, 2, 3)) == pytest.approx([expected] * 2, rel=0.03)
    colored, gray = difference
    assert abs(np.corrcoef(colored[..., 0].ravel(), colored[..., 1].ravel())[0, 1]) < 0.03
    np.testing.assert_allclose(gray[..., 0], gray[..., 1], atol=1e-6)


def test_gray_poisson_noise_grows_with_luma():
    # Green has 5.1 times the luma of blue (BT.601), while the means of their channels are equal.
    green, blue = (jnp.zeros((1, 256, 256, 3)).at[..., i].set(0.5) for i in (1, 2))
    images = jnp.concatenate([green, blue])
    noise = noisy(jax.random.key(0), images, jnp.zeros(2), jnp.ones(2), jnp.array([True, True])) - images
    variances = np.asarray([noise[0, ..., 1], noise[1, ..., 2]]).var(axis=(1, 2))
    assert variances * WHITE_COUNTS == pytest.approx([0.587 * 0.5, 0.114 * 0.5], rel=0.03)


def test_sharpened_targets_are_unsharp_masking_by_scipy(images):
    smooth = np.asarray(resize(images[:, :12, :12], 4), np.float64).clip(0, 1)
    offsets = np.arange(-25, 26)
    taps = np.exp(-((offsets / 8) ** 2) / 2)
    taps /= taps.sum()

    def blurred(x):
        return ndimage.correlate1d(ndimage.correlate1d(x, taps, axis=1, mode="reflect"), taps, axis=2, mode="reflect")

    taken = smooth - blurred(smooth)
    mask = blurred((np.abs(taken) * 255 > 10).astype(float))
    expected = mask * (smooth + 0.5 * taken).clip(0, 1) + (1 - mask) * smooth
    np.testing.assert_allclose(sharpened(jnp.asarray(smooth, jnp.float32)), expected, atol=1e-5)
    assert np.abs(expected - smooth).max() > 0.05
