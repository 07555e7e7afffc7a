"""PSNR and two conventions of SSIM, in float64, one value per image.

Images are [H, W] or [..., H, W, C], uint8 or floats in [0, 1]; of other dtypes or ranges, `peak` is the largest value
that a sample can have. The result keeps the leading axes. Channels are averaged: PSNR averages their squared errors
before the logarithm, SSIM averages their similarities.
"""

import math

import numpy as np
from scipy.ndimage import correlate1d

from jaxsr.errors import InputError


def psnr(sr: np.ndarray, hr: np.ndarray, *, peak: float | None = None) -> np.ndarray:
    """Peak signal-to-noise ratio, 10·log10(peak² / mean squared error).

    Args:
      sr: [H, W] or [..., H, W, C].
      hr: the same shape.
      peak: the largest value that a sample can have (None: 255 for uint8, 1 for floats); 255 also for luma of studio
        range in levels, as in the literature's MATLAB.

    Returns:
      [...] float64, in dB; infinite for equal images.

    Raises:
      ValueError: the shapes differ, or there is no `peak` and the images are neither both uint8 nor both floats.
    """
    sr, hr, peak = _planes(sr, hr, peak)
    error = np.mean((sr - hr) ** 2, axis=(-3, -2, -1))
    with np.errstate(divide="ignore"):
        return 10 * np.log10(peak**2 / error)


def ssim_wang(sr: np.ndarray, hr: np.ndarray, *, peak: float | None = None) -> np.ndarray:
    """Structural similarity as in MATLAB's `ssim_index` (Wang et al. 2004, IEEE TIP 13(4)).

    The Gaussian window has 11×11 samples and σ = 1.5. Only places where it lies completely inside the image count.
    K₁ = 0.01, K₂ = 0.03. Arguments and shapes are those of `psnr`; the result is 1 for equal images.

    Raises:
      InputError: the image is smaller than the window.
      ValueError: see `psnr`.
    """
    sr, hr, peak = _planes(sr, hr, peak)
    height, width = sr.shape[-3:-1]
    if min(height, width) < 11:
        raise InputError(f"SSIM needs at least 11×11 pixels; this image has {width}×{height}")
    window = _gaussian(1.5, 5)

    def smooth(image):
        image = correlate1d(image, window, axis=-3)[..., 5:-5, :, :]
        return correlate1d(image, window, axis=-2)[..., 5:-5, :]

    return np.mean(_similarity(sr, hr, smooth, peak), axis=(-3, -2, -1))


def ssim_daala(sr: np.ndarray, hr: np.ndarray, *, peak: float | None = None) -> np.ndarray:
    """Structural similarity as in `tools/dump_ssim.c` of Xiph's daala, the SSIM of the SRGAN paper.

    The Gaussian window grows with the picture, σ = 1.5·H/256, and has 8-bit weights. At the borders it is cut off and
    normalised by the sum of the remaining weights, and this sum weights the place in the mean. With exact weights
    instead of 8-bit ones, the result for the paper's bicubic rows would differ from the paper by 0.001. Arguments and
    shapes are those of `psnr`; the result is 1 for equal images.

    Raises:
      ValueError: see `psnr`.
    """
    sr, hr, peak = _planes(sr, hr, peak)
    height, width = sr.shape[-3:-1]
    window = _daala_window(1.5 * height / 256, min(height, width) - 1)
    rows = correlate1d(np.ones(height), window, mode="constant")[:, None, None]
    columns = correlate1d(np.ones(width), window, mode="constant")[:, None]

    def smooth(image):
        image = correlate1d(image, window, axis=-3, mode="constant") / rows
        return correlate1d(image, window, axis=-2, mode="constant") / columns

    weights = rows * columns
    similarity = _similarity(sr, hr, smooth, peak).mean(axis=-1, keepdims=True)
    return np.sum(similarity * weights, axis=(-3, -2, -1)) / np.sum(weights)


def _planes(sr, hr, peak):
    sr, hr = np.asarray(sr), np.asarray(hr)
    if sr.shape != hr.shape:
        raise ValueError(f"the images have different shapes, {sr.shape} and {hr.shape}")
    if peak is None:
        peaks = {255 if image.dtype == np.uint8 else 1 if image.dtype.kind == "f" else None for image in (sr, hr)}
        if len(peaks) > 1 or None in peaks:
            raise ValueError(f"images of {sr.dtype} and {hr.dtype}: give `peak`, the largest value of a sample")
        (peak,) = peaks
    sr, hr = sr.astype(np.float64), hr.astype(np.float64)
    return (sr[..., None], hr[..., None], peak) if sr.ndim == 2 else (sr, hr, peak)


def _gaussian(sigma, reach):
    window = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    return window / window.sum()


def _daala_window(sigma, longest):
    # Beyond this distance r, the weight 256·exp(−r²/2σ²)/(√(2π)·σ) rounds to zero.
    smallest = math.sqrt(math.pi / 2) * sigma / 256
    reach = math.floor(sigma * math.sqrt(-2 * math.log(smallest))) if smallest < 1 else 0
    reach = min(reach, longest)
    side = np.exp(-(np.arange(1, reach + 1) ** 2) / (2 * sigma**2)) / (math.sqrt(2 * math.pi) * sigma)
    side = np.floor(256 * side + 0.5)
    return np.concatenate([side[::-1], [256 - 2 * side.sum()], side]) / 256


def _similarity(sr, hr, smooth, peak):
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    mean_sr, mean_hr = smooth(sr), smooth(hr)
    product, squares = mean_sr * mean_hr, mean_sr**2 + mean_hr**2
    covariance = smooth(sr * hr) - product
    # Only the sum of the two variances is needed, which saves one smoothing.
    variances = smooth(sr**2 + hr**2) - squares
    return (2 * product + c1) * (2 * covariance + c2) / ((squares + c1) * (variances + c2))
