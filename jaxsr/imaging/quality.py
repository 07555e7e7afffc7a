"""Measures earlier damage to a picture: the quality of its JPEG, traces of JPEG's blocks, and noise."""

import os
from typing import NamedTuple

import numpy as np
from PIL import Image

from jaxsr.imaging.color import luma
from jaxsr.imaging.files import BROKEN

# Sum and smallest value of the luma table of T.81, table K.1.
_LUMA_TABLE_SUM, _LUMA_TABLE_SMALLEST = 3688, 10
_BLOCK = 8
_FREQUENCY = np.arange(_BLOCK)
# The cosine transform of a block (ITU-T T.81, A.3.3), and the mask of its high frequencies.
_COSINES = (
    np.cos(np.outer(_FREQUENCY, 2 * _FREQUENCY + 1) * np.pi / 16) * np.where(_FREQUENCY, 0.5, 0.125**0.5)[:, None]
)
_HIGH = np.add.outer(_FREQUENCY, _FREQUENCY) >= 4
_MIDDLE = 263
# Euclidean norm of the mask that measures noise (Immerkær 1996).
_MASK_NORM = 6.0
_WINDOW = 8
_FLATTEST = 0.02
# Windows with a mean this close to black or white are left out, because clipping hides noise there.
_CUT_OFF = 6


class Traces(NamedTuple):
    """Traces of earlier damage to a picture.

    Attributes:
      quality: the quality of the JPEG file, 1 to 100 on libjpeg's scale; None if the file is not a JPEG.
      blocks: evidence of JPEG's blocks, from 0 to 1; see `blockiness`.
      noise: standard deviation of noise in the flattest parts, in levels of 255.
    """

    quality: int | None
    blocks: float
    noise: float


def traces(image: np.ndarray, *, quality: int | None = None) -> Traces:
    """Measure the traces in an image.

    Args:
      image: [H, W, 3] or [H, W], uint8, or float in [0, 1].
      quality: the quality of the JPEG file that it comes from; None if it does not come from one.
    """
    unit = image / 255 if image.dtype == np.uint8 else image
    y = 255 * np.asarray(luma(unit) if image.ndim == 3 else unit, float)
    return Traces(quality, blockiness(y), noise_level(y))


def jpeg_quality(image: Image.Image) -> int | None:
    """The quality of an opened JPEG file, from its luma table as libjpeg scales it; None for other images."""
    table = (getattr(image, "quantization", None) or {}).get(0)
    if not table:
        return None
    percent = 100 * sum(table) / _LUMA_TABLE_SUM
    if max(table) == 255:
        # Large values were clipped.
        percent = 100 * min(table) / _LUMA_TABLE_SMALLEST
    return int(np.clip(round(100 - percent / 2 if percent <= 100 else 5000 / percent), 1, 100))


def file_quality(path: str | os.PathLike) -> int | None:
    """`jpeg_quality` of a file; None also if it is not a picture."""
    try:
        with Image.open(path) as image:
            return jpeg_quality(image)
    except BROKEN:
        return None


def blockiness(y: np.ndarray) -> float:
    """Evidence that an image was divided into JPEG's blocks, wherever its grid of blocks begins.

    High-frequency coefficients that were quantised to zero are zero on the grid of the blocks, and on no other grid
    (Fan & de Queiroz 2003 look for the same in histograms). The value is above 0.15 for a JPEG of quality 95, above 0.3
    for quality 90 and above 0.6 for quality 30. It is below 0.1 for pictures that never were a JPEG.

    Args:
      y: [H, W] luma in levels of 255. Only the middle of a large image is examined.

    Returns:
      The share of zeros on the likeliest of the 64 grids, minus that on the median grid, relative to the largest
      possible difference. 0 for small images.
    """
    if min(y.shape) < 4 * _BLOCK:
        return 0.0
    top, left = (max(0, (side - _MIDDLE) // 2) for side in y.shape)
    y = y[top : top + _MIDDLE, left : left + _MIDDLE]
    shares = [_share_of_zeros(y[row:, column:]) for row in range(_BLOCK) for column in range(_BLOCK)]
    usual = np.median(shares)
    # Flat images are zero on every grid, which is no evidence.
    return float((max(shares) - usual) / (1.02 - usual))


def _share_of_zeros(y):
    height, width = (side // _BLOCK for side in y.shape)
    blocks = y[: height * _BLOCK, : width * _BLOCK].reshape(height, _BLOCK, width, _BLOCK).transpose(0, 2, 1, 3)
    coefficients = (_COSINES @ blocks @ _COSINES.T)[..., _HIGH]
    return float(np.mean(np.abs(coefficients) < 1))


def noise_level(y: np.ndarray) -> float:
    """Estimate the standard deviation of noise from the flattest small windows (Immerkær 1996).

    Args:
      y: [H, W] luma in levels of 255.

    Returns:
      The estimate in levels of 255; 0 for small images. It is too low, by a known share, if the noise is not white, as
      after JPEG.
    """
    if min(y.shape) < 4 * _WINDOW:
        return 0.0
    # Second differences along both axes vanish on smooth surfaces and straight edges.
    inside = np.diff(np.diff(y, 2, axis=0), 2, axis=1)
    height, width = (side - side % _WINDOW for side in inside.shape)
    windows, levels = (
        image[:height, :width].reshape(height // _WINDOW, _WINDOW, width // _WINDOW, _WINDOW)
        for image in (inside, y[1:-1, 1:-1])
    )
    deviations = np.sqrt((windows**2).mean(axis=(1, 3))) / _MASK_NORM
    lit = np.abs(levels.mean(axis=(1, 3)) - 127.5) < 127.5 - _CUT_OFF
    return float(np.quantile(deviations[lit], _FLATTEST)) if lit.any() else 0.0
