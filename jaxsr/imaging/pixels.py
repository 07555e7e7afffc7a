"""Arrays as libvips images."""

import numpy as np
import pyvips


def image_of(pixels: np.ndarray) -> pyvips.Image:
    """A libvips image, gray or sRGB, of an array.

    Args:
      pixels: [H, W] or [H, W, C], uint8 or uint16; opacity is the last channel where C is 2 or 4.
    """
    image = pyvips.Image.new_from_array(pixels)
    spaces = ("b-w", "srgb") if pixels.dtype == np.uint8 else ("grey16", "rgb16")
    return image.copy(interpretation=spaces[image.bands > 2])
