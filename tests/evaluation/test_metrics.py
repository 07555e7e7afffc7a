import math

import numpy as np
import pytest

import jaxsr
from jaxsr.errors import InputError
from jaxsr.evaluation.metrics import psnr, ssim_daala, ssim_wang


def noisy_pair(*shape):
    generator = np.random.default_rng(0)
    hr = generator.uniform(0, 1, shape)
    return np.clip(hr + generator.normal(0, 20 / 255, shape), 0, 1), hr


def test_the_package_has_them_by_either_way_of_importing():
    from jaxsr.metrics import psnr as by_path

    assert by_path is jaxsr.metrics.psnr is psnr
    assert jaxsr.metrics.ssim_wang is ssim_wang


def test_the_peak_of_an_array_is_that_of_the_image_contract():
    unit = np.linspace(0.1, 0.9, 30 * 20).reshape(30, 20).astype(np.float32)
    # 20·log10(1 / 0.1)
    assert psnr(unit + np.float32(0.1), unit) == pytest.approx(20, abs=1e-5)
    levels = np.round(unit * 255).astype(np.uint8)
    assert psnr(levels + np.uint8(25), levels) == pytest.approx(20 * math.log10(255 / 25))
    for ssim in (ssim_wang, ssim_daala):
        half = np.round(levels / 2).astype(np.uint8)
        assert ssim(half, levels) == pytest.approx(ssim(half / 255, levels / 255))
    for other in (levels.astype(np.int32), unit):
        with pytest.raises(ValueError, match="give `peak`"):
            psnr(other, levels)


def test_psnr_of_equal_images_is_infinite():
    hr = np.zeros((4, 4))
    assert psnr(hr, hr) == math.inf


def test_psnr_does_not_wrap_around_on_uint8():
    black, white = np.zeros((8, 8), np.uint8), np.full((8, 8), 255, np.uint8)
    assert psnr(black, white) == pytest.approx(0.0, abs=1e-12)


def test_psnr_equals_skimage():
    metrics = pytest.importorskip("skimage.metrics", reason="scikit-image is not installed")
    sr, hr = noisy_pair(20, 30, 3)
    expected = metrics.peak_signal_noise_ratio(hr, sr, data_range=1)
    assert psnr(sr, hr) == pytest.approx(expected)
    assert psnr(sr * 255, hr * 255, peak=255.0) == pytest.approx(expected)


def test_ssim_wang_equals_skimage_where_the_window_lies_inside():
    metrics = pytest.importorskip("skimage.metrics", reason="scikit-image is not installed")
    sr, hr = noisy_pair(40, 33)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1, "full": True}
    _, similarity = metrics.structural_similarity(hr, sr, **options)
    assert ssim_wang(sr, hr) == pytest.approx(similarity[5:-5, 5:-5].mean(), abs=1e-12)


@pytest.mark.parametrize("ssim", [ssim_wang, ssim_daala])
def test_ssim_of_two_flat_images_is_the_luminance_term(ssim):
    # With no variance anywhere SSIM is (2ab + c1) / (a² + b² + c1).
    c1 = (0.01 * 255) ** 2
    expected = (2 * 100 * 150 + c1) / (100**2 + 150**2 + c1)
    assert ssim(np.full((60, 50), 100, np.uint8), np.full((60, 50), 150, np.uint8)) == pytest.approx(expected)


@pytest.mark.parametrize("ssim", [ssim_wang, ssim_daala])
def test_ssim_properties(ssim):
    sr, hr = noisy_pair(64, 48)
    assert ssim(hr, hr) == pytest.approx(1.0)
    assert ssim(sr, hr) == pytest.approx(ssim(hr, sr))
    assert ssim(sr, hr) < 1.0
    assert ssim(sr * 255, hr * 255, peak=255.0) == pytest.approx(ssim(sr, hr))


def daala_by_the_definition(sr, hr):
    """Window by window, with weights of 8 bits, cut off at the borders."""
    height, width = hr.shape
    sigma = 1.5 * height / 256
    distances = np.arange(1, min(height, width))
    weights = np.floor(256 * np.exp(-(distances**2) / (2 * sigma**2)) / (math.sqrt(2 * math.pi) * sigma) + 0.5)
    weights = weights[weights > 0]
    window = np.concatenate([weights[::-1], [256 - 2 * weights.sum()], weights])
    reach = len(weights)
    numerator = denominator = 0.0
    for y in range(height):
        for x in range(width):
            rows = np.arange(max(0, y - reach), min(height, y + reach + 1))
            columns = np.arange(max(0, x - reach), min(width, x + reach + 1))
            weight = np.outer(window[rows - y + reach], window[columns - x + reach])
            a, b = sr[np.ix_(rows, columns)], hr[np.ix_(rows, columns)]
            mean_a, mean_b = np.average(a, weights=weight), np.average(b, weights=weight)
            variance_a = np.average((a - mean_a) ** 2, weights=weight)
            variance_b = np.average((b - mean_b) ** 2, weights=weight)
            covariance = np.average((a - mean_a) * (b - mean_b), weights=weight)
            c1, c2 = 0.01**2, 0.03**2
            similarity = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
            similarity /= (mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)
            numerator, denominator = numerator + weight.sum() * similarity, denominator + weight.sum()
    return numerator / denominator


@pytest.mark.parametrize("shape", [(150, 12), (40, 9), (300, 4)])
def test_ssim_daala_equals_its_definition(shape):
    sr, hr = noisy_pair(*shape)
    assert ssim_daala(sr, hr) == pytest.approx(daala_by_the_definition(sr, hr), abs=1e-10)


@pytest.mark.parametrize("metric", [psnr, ssim_wang, ssim_daala])
def test_one_value_per_image(metric):
    sr, hr = noisy_pair(2, 3, 30, 20, 3)
    values = metric(sr, hr)
    assert values.shape == (2, 3)
    assert values[1, 2] == pytest.approx(metric(sr[1, 2], hr[1, 2]))


@pytest.mark.parametrize("ssim", [ssim_wang, ssim_daala])
def test_ssim_of_colour_is_the_mean_over_channels(ssim):
    sr, hr = noisy_pair(40, 30, 3)
    assert ssim(sr, hr) == pytest.approx(np.mean([ssim(sr[..., i], hr[..., i]) for i in range(3)]))


def test_different_shapes_are_refused():
    with pytest.raises(ValueError, match="different shapes"):
        psnr(np.zeros((4, 4)), np.zeros((4, 1)))


def test_image_smaller_than_the_window_is_refused():
    with pytest.raises(InputError, match="11×11"):
        ssim_wang(np.zeros((10, 40)), np.zeros((10, 40)))
