"""What a picture went through before it came here: JPEG's quality, traces of its blocks, and noise."""

import os
from typing import NamedTuple

import numpy as np
from PIL import Image

from jaxsr.imaging.color import luma
from jaxsr.imaging.files import BROKEN

# Luma, T.81 table K.1, in rows.
_LUMA_TABLE_SUM = 3688
_BLOCK = 8
_FREQUENCY = np.arange(_BLOCK)
# The cosine transform of a block (ITU-T T.81, A.3.3), and which of its coefficients are of high frequencies.
_COSINES = (
    np.cos(np.outer(_FREQUENCY, 2 * _FREQUENCY + 1) * np.pi / 16) * np.where(_FREQUENCY, 0.5, 0.125**0.5)[:, None]
)
_HIGH = np.add.outer(_FREQUENCY, _FREQUENCY) >= 4
_MIDDLE = 263
# Root of the sum of the squares of the mask by which noise is measured (Immerkær 1996).
_MASK_NORM = 6.0
_WINDOW = 8
_FLATTEST = 0.02
# Where light is cut off at black or white, so is noise.
_CUT_OFF = 6


class Traces(NamedTuple):
    """Measures of a picture.

    Attributes:
      quality: of the JPEG file, 1 to 100 as libjpeg counts; None where the file is none.
      blocks: how surely it was divided into JPEG's blocks, from 0 to 1, see `blockiness`.
      noise: standard deviation in the flattest parts, in levels of 255.
    """

    quality: int | None
    blocks: float
    noise: float


def traces(image: np.ndarray, *, quality: int | None = None) -> Traces:
    """Measure pixels.

    Args:
      image: [H, W, 3] or [H, W], uint8, or float in [0, 1].
      quality: of the JPEG file that they are from.
    """
    unit = image / 255 if image.dtype == np.uint8 else image
    y = 255 * np.asarray(luma(unit) if image.ndim == 3 else unit, float)
    return Traces(quality, blockiness(y), noise_level(y))


def jpeg_quality(image: Image.Image) -> int | None:
    """Quality of an opened JPEG file by its table for luma, as libjpeg scales it; None for other images."""
    table = (getattr(image, "quantization", None) or {}).get(0)
    if not table:
        return None
    percent = 100 * sum(table) / _LUMA_TABLE_SUM
    return int(np.clip(round(100 - percent / 2 if percent <= 100 else 5000 / percent), 1, 100))


def file_quality(path: str | os.PathLike) -> int | None:
    """`jpeg_quality` of a file; None too where it is no picture."""
    try:
        with Image.open(path) as image:
            return jpeg_quality(image)
    except BROKEN:
        return None


def blockiness(y: np.ndarray) -> float:
    """How surely an image was divided into JPEG's blocks, wherever they begin, from what quantisation left of them.

    Coefficients of high frequencies that were quantised to zero are zero on the grid of the blocks and on no other
    (Fan & de Queiroz 2003 look for the same in histograms). Of a JPEG of quality 95 it is above 0.15, of 90 above 0.3,
    of 30 above 0.6; of pictures that never were one, below 0.1.

    Args:
      y: [H, W] luma in levels of 255; of a large image the middle is looked at.

    Returns:
      The excess of the share of zeros on the likeliest of the 64 grids over the median one, in parts of what can be;
      0 for small images.
    """
    if min(y.shape) < 4 * _BLOCK:
        return 0.0
    top, left = (max(0, (side - _MIDDLE) // 2) for side in y.shape)
    y = y[top : top + _MIDDLE, left : left + _MIDDLE]
    shares = [_share_of_zeros(y[row:, column:]) for row in range(_BLOCK) for column in range(_BLOCK)]
    usual = np.median(shares)
    # Flat images are zero on every grid, and prove nothing.
    return float((max(shares) - usual) / (1.02 - usual))


def _share_of_zeros(y):
    height, width = (side // _BLOCK for side in y.shape)
    blocks = y[: height * _BLOCK, : width * _BLOCK].reshape(height, _BLOCK, width, _BLOCK).transpose(0, 2, 1, 3)
    coefficients = (_COSINES @ blocks @ _COSINES.T)[..., _HIGH]
    return float(np.mean(np.abs(coefficients) < 1))


def noise_level(y: np.ndarray) -> float:
    """Standard deviation of noise, from the flattest of small windows (Immerkær 1996).

    Args:
      y: [H, W] luma in levels of 255.

    Returns:
      Levels of 255; too small by a known share where noise is not white, as after JPEG. 0 for small images.
    """
    if min(y.shape) < 4 * _WINDOW:
        return 0.0
    # The second difference along both axes, which smooth surfaces and straight edges do not pass.
    inside = np.diff(np.diff(y, 2, axis=0), 2, axis=1)
    height, width = (side - side % _WINDOW for side in inside.shape)
    windows, levels = (
        image[:height, :width].reshape(height // _WINDOW, _WINDOW, width // _WINDOW, _WINDOW)
        for image in (inside, y[1:-1, 1:-1])
    )
    deviations = np.sqrt((windows**2).mean(axis=(1, 3))) / _MASK_NORM
    lit = np.abs(levels.mean(axis=(1, 3)) - 127.5) < 127.5 - _CUT_OFF
    return float(np.quantile(deviations[lit], _FLATTEST)) if lit.any() else 0.0
