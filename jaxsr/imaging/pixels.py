"""Arrays as libvips images, and how many pixels an image may have."""

from pathlib import Path

import numpy as np
import pyvips

from jaxsr.errors import InputError

# Most pixels of a picture; a file of a few bytes can claim any size.
LARGEST = 500_000_000


def check_pixels(path: Path, size: tuple[int, int], *, largest: int) -> None:
    """Raise `InputError` if a picture of `size`, (height, width), has more pixels than `largest`."""
    height, width = size
    if width * height > largest:
        raise InputError(
            f"{path}: {width} × {height} pixels are more than the limit of {largest / 1e6:g} megapixels; "
            "make it smaller"
        )


def image_of(pixels: np.ndarray) -> pyvips.Image:
    """A libvips image, gray or sRGB, of an array.

    Args:
      pixels: [H, W] or [H, W, C], uint8 or uint16; opacity is the last channel where C is 2 or 4.
    """
    image = pyvips.Image.new_from_array(pixels)
    spaces = ("b-w", "srgb") if pixels.dtype == np.uint8 else ("grey16", "rgb16")
    return image.copy(interpretation=spaces[image.bands > 2])
