"""NIQE, which says without an original how natural a picture looks.

Mittal, Soundararajan & Bovik 2013, "Making a completely blind image quality analyzer" (IEEE SPL 20(3)).

In pictures of the world, luma that is freed of local mean and contrast has much the same statistics everywhere. NIQE is
the distance between those of a picture's blocks and those of pristine photos, both taken as Gaussians: 2 to 6 for most
clean photos, more for blur, noise and artefacts. It does not know whether a picture is true to anything.
"""

from functools import cache
from pathlib import Path

import numpy as np
from scipy.ndimage import correlate1d
from scipy.special import gamma

from jaxsr.errors import InputError
from jaxsr.imaging.color import luma
from jaxsr.imaging.resize import resize_matrix

BLOCK = 96


def niqe(image: np.ndarray) -> float:
    """The Natural Image Quality Evaluator; lower is more natural.

    Equals MATLAB's and BasicSR's where these are published (see the test). Whole blocks of 96×96 pixels count, from the
    top left corner on; what is left of them at the right and the bottom does not.

    Args:
      image: uint8 [H, W, 3], whose luma of studio range is rounded, or [H, W], which counts as luma.

    Returns:
      The distance, without unit, at least 0.

    Raises:
      InputError: there are fewer than two blocks, or fewer than two that are not flat.
    """
    plane = np.asarray(image, np.float64) if image.ndim == 2 else 255 * luma(image / 255)
    rows, columns = (side // BLOCK for side in plane.shape)
    if rows * columns < 2:
        size = f"{plane.shape[1]}×{plane.shape[0]}"
        raise InputError(f"NIQE needs two blocks of {BLOCK}×{BLOCK} pixels, and {size} have {rows * columns}")
    plane = np.round(plane[: rows * BLOCK, : columns * BLOCK])
    height, width = (resize_matrix(side, 0.5) for side in plane.shape)
    scales = (plane, height @ plane @ width.T)
    features = np.concatenate([_features(_blocks(_normalised(each), rows, columns)) for each in scales], axis=1)
    textured = features[np.isfinite(features).all(axis=1)]
    if len(textured) < 2:
        raise InputError(f"NIQE needs two blocks of {BLOCK}×{BLOCK} pixels that are not flat")
    mean, covariance = _pristine()
    # As in the authors' code, a flat block counts in the mean with those features that it has.
    away = np.nanmean(features, axis=0) - mean
    return float(np.sqrt(away @ np.linalg.pinv((covariance + np.cov(textured, rowvar=False)) / 2) @ away))


def _normalised(plane):
    """Luma less its local mean, over one more than its local deviation (equation 1 of the paper)."""
    window = np.exp(-(np.arange(-3, 4) ** 2) / (2 * (7 / 6) ** 2))
    window /= window.sum()

    def smooth(image):
        return correlate1d(correlate1d(image, window, axis=0, mode="nearest"), window, axis=1, mode="nearest")

    mean = smooth(plane)
    # Where luma is flat, rounding errors would count as values below and above zero, and change the score by tenths.
    away = np.where(np.abs(plane - mean) < 1e-6, 0, plane - mean)
    return away / (np.sqrt(np.abs(smooth(plane**2) - mean**2)) + 1)


def _blocks(plane, rows, columns):
    """[rows · columns, h, w]: a plane cut into equal blocks."""
    height, width = plane.shape[0] // rows, plane.shape[1] // columns
    return plane.reshape(rows, height, columns, width).swapaxes(1, 2).reshape(-1, height, width)


def _features(blocks):
    """[blocks, 18]: the shape of the distribution of the values, and of products of neighbours in four directions."""
    shape, left, right = _asymmetric_gaussian(blocks)
    features = [shape, (left + right) / 2]
    for shift in ((0, 1), (1, 0), (1, 1), (1, -1)):
        shape, left, right = _asymmetric_gaussian(blocks * np.roll(blocks, shift, axis=(1, 2)))
        features += [shape, (right - left) * gamma(2 / shape) / gamma(1 / shape), left, right]
    return np.stack(features, axis=1)


def _asymmetric_gaussian(blocks):
    """Shape, left and right scale, [blocks] each, of the asymmetric generalised Gaussian that has a block's moments.

    By Lasmar, Stitou & Berthoumieu 2009 ("Multiscale skewed heavy tailed model for texture analysis"). Blocks without
    values on one side of zero have NaN.
    """
    values = blocks.reshape(len(blocks), -1)
    with np.errstate(invalid="ignore", divide="ignore"):
        left, right = (
            np.sqrt(np.sum(np.where(side, values, 0) ** 2, axis=1) / side.sum(axis=1))
            for side in (values < 0, values > 0)
        )
        ratio = left / right
        moments = np.abs(values).mean(axis=1) ** 2 / np.mean(values**2, axis=1)
        moments *= (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    shapes, expected = _moments_of_shapes()
    # The nearest of the shapes tabled, whose moments rise with them; the first where there is none, as in MATLAB.
    moments = np.nan_to_num(moments, nan=0)
    shape = shapes[np.searchsorted((expected[1:] + expected[:-1]) / 2, moments)]
    spread = np.sqrt(gamma(1 / shape) / gamma(3 / shape))
    return shape, left * spread, right * spread


@cache
def _moments_of_shapes():
    shapes = np.arange(0.2, 10.001, 0.001)
    return shapes, gamma(2 / shapes) ** 2 / (gamma(1 / shapes) * gamma(3 / shapes))


@cache
def _pristine():
    """Mean [36] and covariance [36, 36] of the features of pristine photos, as the authors published them."""
    with np.load(Path(__file__).parent / "niqe_model" / "pristine.npz") as model:
        return model["mean"], model["covariance"]
