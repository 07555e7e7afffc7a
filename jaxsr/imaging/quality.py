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
      blocks: how much larger steps between JPEG's blocks are than others, relative to the mean step; about 0 without.
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
    """How much steps between blocks of eight stand out from those beside them, for the place where they do most.

    Args:
      y: [H, W] luma in levels of 255.

    Returns:
      The mean excess over the neighbouring steps, in parts of the mean step, the mean of both axes; 0 for small images.
    """
    if min(y.shape) < 4 * _BLOCK:
        return 0.0
    excess = []
    for axis in (0, 1):
        steps = np.abs(np.diff(y, axis=axis))
        profile = np.minimum(steps, 24).mean(axis=1 - axis)
        stands_out = profile[1:-1] - (profile[:-2] + profile[2:]) / 2
        by_place = [stands_out[place::_BLOCK].mean() for place in range(_BLOCK)]
        excess.append(max(by_place) / max(profile.mean(), 0.25))
    return float(np.mean(excess))


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
