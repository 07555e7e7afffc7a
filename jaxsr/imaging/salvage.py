"""Reads what is there of a truncated JPEG, and says how much that is."""

import contextlib
from pathlib import Path

import numpy as np
import pyvips

from jaxsr.errors import InputError
from jaxsr.imaging.pixels import check_pixels, open_image


def salvaged(path: Path, *, largest: int) -> tuple[pyvips.Image, tuple[str, ...]]:
    """Decode a JPEG as far as it goes; the rest is gray, as libjpeg leaves it.

    Returns:
      The picture; and a note that says how much of it is there, or no note for a complete JPEG.

    Raises:
      InputError: no part of the picture is there, or it has more pixels than `largest`.
    """
    with contextlib.suppress(pyvips.Error):
        whole = open_image(path)
        check_pixels(path, (whole.height, whole.width), largest=largest)
        whole.crop(0, 0, 1, 1).write_to_memory()
        return whole, ()
    try:
        image = open_image(path, fail_on="none").copy_memory()
        rows = _rows_there(image)
    except pyvips.Error:
        rows = 0
    if not rows:
        raise InputError(f"{path}: no part of this picture is there")
    if rows == image.height:
        return image, ("cut short: all of its area is there, with less detail than it had",)
    return image, (f"cut short: {100 * rows // image.height} % of it is there, the rest is gray",)


def _rows_there(image):
    """The number of rows above those at the bottom that have the last pixel's colour throughout."""
    fill = image.getpoint(image.width - 1, image.height - 1)
    _, rows = (image != fill).bandor().project()
    there = np.flatnonzero(rows.numpy().ravel())
    return int(there[-1]) + 1 if there.size else 0
