"""NIQE measures how natural a picture looks, without an original.

Mittal, Soundararajan & Bovik 2013, "Making a completely blind image quality analyzer" (IEEE SPL 20(3)).

In natural pictures, luma normalised by local mean and contrast has similar statistics everywhere. NIQE models these
statistics as Gaussians, once for a picture's blocks and once for pristine photos, and is the distance between the two.
Most clean photos have 2 to 6; blur, noise and artefacts have more. NIQE does not measure fidelity to an original.
"""

from pathlib import Path

import numpy as np
from scipy.ndimage import correlate1d
from scipy.special import gamma

from jaxsr.errors import InputError
from jaxsr.imaging.color import luma_levels
from jaxsr.imaging.resize import resize_matrix

BLOCK = 96
_MODEL = Path(__file__).parent / "niqe_model" / "pristine.npz"
# Shapes of generalised Gaussians, and the moments (mean |x|)² / mean x² by which a block's shape is looked up.
_SHAPES = np.arange(0.2, 10.001, 0.001)
_MOMENTS = gamma(2 / _SHAPES) ** 2 / (gamma(1 / _SHAPES) * gamma(3 / _SHAPES))


def niqe(image: np.ndarray) -> float:
    """The Natural Image Quality Evaluator; lower is more natural.

    The result equals the published values of MATLAB and BasicSR (see the test). Only whole blocks of 96×96 pixels
    count, starting at the top left corner. The remainder at the right and the bottom is ignored.

    Args:
      image: uint8 [H, W, 3], whose luma of studio range is rounded, or [H, W], which is taken as luma.

    Returns:
      The distance, without unit, at least 0.

    Raises:
      InputError: the image has fewer than two blocks, or fewer than two blocks that are not flat.
    """
    plane = luma_levels(image)
    rows, columns = (side // BLOCK for side in plane.shape)
    if rows * columns < 2:
        size = f"{plane.shape[1]}×{plane.shape[0]}"
        raise InputError(f"NIQE needs two blocks of {BLOCK}×{BLOCK} pixels; an image of {size} has {rows * columns}")
    plane = np.round(plane[: rows * BLOCK, : columns * BLOCK])
    height, width = (resize_matrix(side, 0.5) for side in plane.shape)
    scales = (plane, height @ plane @ width.T)
    features = np.concatenate([_features(_blocks(_normalised(each), rows, columns)) for each in scales], axis=1)
    textured = features[np.isfinite(features).all(axis=1)]
    if len(textured) < 2:
        raise InputError(f"NIQE needs two blocks of {BLOCK}×{BLOCK} pixels that are not flat")
    # Of the features of pristine photos, as the authors published them: [36] and [36, 36].
    with np.load(_MODEL) as model:
        mean, covariance = model["mean"], model["covariance"]
    # As in the authors' code, the features that a flat block has count in the mean.
    away = np.nanmean(features, axis=0) - mean
    return float(np.sqrt(away @ np.linalg.pinv((covariance + np.cov(textured, rowvar=False)) / 2) @ away))


def _normalised(plane):
    """(Luma − local mean) / (local deviation + 1), equation 1 of the paper."""
    window = np.exp(-(np.arange(-3, 4) ** 2) / (2 * (7 / 6) ** 2))
    window /= window.sum()

    def smooth(image):
        return correlate1d(correlate1d(image, window, axis=0, mode="nearest"), window, axis=1, mode="nearest")

    mean = smooth(plane)
    # Where luma is flat, rounding errors would count as values below and above zero and change the score by tenths.
    away = np.where(np.abs(plane - mean) < 1e-6, 0, plane - mean)
    return away / (np.sqrt(np.abs(smooth(plane**2) - mean**2)) + 1)


def _blocks(plane, rows, columns):
    """Cut a plane into equal blocks, [rows · columns, h, w]."""
    height, width = plane.shape[0] // rows, plane.shape[1] // columns
    return plane.reshape(rows, height, columns, width).swapaxes(1, 2).reshape(-1, height, width)


def _features(blocks):
    """[blocks, 18]: parameters of the distributions of the values, and of products of neighbours in four directions."""
    shape, left, right = _asymmetric_gaussian(blocks)
    features = [shape, (left + right) / 2]
    for shift in ((0, 1), (1, 0), (1, 1), (1, -1)):
        shape, left, right = _asymmetric_gaussian(blocks * np.roll(blocks, shift, axis=(1, 2)))
        features += [shape, (right - left) * gamma(2 / shape) / gamma(1 / shape), left, right]
    return np.stack(features, axis=1)


def _asymmetric_gaussian(blocks):
    """Fit an asymmetric generalised Gaussian to each block; return shape, left scale and right scale, [blocks] each.

    The fit matches moments (Lasmar, Stitou & Berthoumieu 2009, "Multiscale skewed heavy tailed model for texture
    analysis"). A block without values on one side of zero gives NaN.
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
    # The nearest tabulated shape; moments rise with the shapes. NaN gives the first, as in MATLAB.
    moments = np.nan_to_num(moments, nan=0)
    shape = _SHAPES[np.searchsorted((_MOMENTS[1:] + _MOMENTS[:-1]) / 2, moments)]
    spread = np.sqrt(gamma(1 / shape) / gamma(3 / shape))
    return shape, left * spread, right * spread
