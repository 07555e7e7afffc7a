"""Measures earlier damage to a picture: the quality of its JPEG, now or before, and noise."""

import os
from typing import NamedTuple

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from jaxsr.imaging.broken import BROKEN
from jaxsr.imaging.color import full_luma
from jaxsr.imaging.jpeg_history import former_quality
from jaxsr.imaging.jpeg_tables import LUMA_TABLE

# Euclidean norm of the mask that measures noise (Immerkær 1996).
_MASK_NORM = 6.0
_WINDOW = 8
_FLATTEST = 0.02
# Windows with more than a share of their pixels this close to black or white are left out: clipping hides noise there.
_CUT_OFF = 6
_CUT_OFF_SHARE = 0.25


class Traces(NamedTuple):
    """Traces of earlier damage to a picture.

    Attributes:
      quality: the quality of the JPEG file, 1 to 100 on libjpeg's scale; None if the file is not a JPEG.
      former_quality: the quality of the JPEG whose traces the pixels have, 5 to 98; None without traces. The pixels of
        a JPEG file have them, too.
      noise: standard deviation of noise in the flattest parts, in levels of 255.
    """

    quality: int | None
    former_quality: int | None
    noise: float


def traces(image: np.ndarray, *, quality: int | None = None) -> Traces:
    """Measure the traces in an image.

    Args:
      image: [H, W, 3] or [H, W], uint8, or float in [0, 1].
      quality: the quality of the JPEG file that it comes from; None if it does not come from one.
    """
    levels = np.asarray(image if image.dtype == np.uint8 else 255 * image, np.float32)
    # Full range, so that black and white are 0 and 255 as in a gray picture.
    y = np.asarray(full_luma(levels) if image.ndim == 3 else levels, float)
    return Traces(quality, former_quality(levels), noise_level(y))


def jpeg_quality(image: Image.Image) -> int | None:
    """The quality of an opened JPEG file, from its luma table as libjpeg scales it; None for other images."""
    table = (getattr(image, "quantization", None) or {}).get(0)
    if not table:
        return None
    percent = 100 * sum(table) / LUMA_TABLE.sum()
    if max(table) == 255:
        # Large values were clipped.
        percent = 100 * min(table) / LUMA_TABLE.min()
    return int(np.clip(round(100 - percent / 2 if percent <= 100 else 5000 / percent), 1, 100))


def file_quality(path: str | os.PathLike) -> int | None:
    """`jpeg_quality` of a file; None also if it is not a JPEG."""
    try:
        # `Image.open` would refuse large pictures.
        with JpegImageFile(path) as image:
            return jpeg_quality(image)
    except BROKEN:
        return None


def noise_level(y: np.ndarray) -> float:
    """Estimate the standard deviation of noise from the flattest small windows (Immerkær 1996).

    Args:
      y: [H, W] luma, from 0 for black to 255 for white.

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
    lit = (np.abs(levels - 127.5) >= 127.5 - _CUT_OFF).mean(axis=(1, 3)) <= _CUT_OFF_SHARE
    return float(np.quantile(deviations[lit], _FLATTEST)) if lit.any() else 0.0
