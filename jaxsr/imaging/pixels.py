"""Arrays as libvips has pictures."""

import numpy as np
import pyvips


def image_of(pixels: np.ndarray) -> pyvips.Image:
    """[H, W], or [H, W, C] with opacity last where C is 2 or 4; uint8 or uint16, as gray or sRGB."""
    image = pyvips.Image.new_from_array(pixels)
    spaces = ("b-w", "srgb") if pixels.dtype == np.uint8 else ("grey16", "rgb16")
    return image.copy(interpretation=spaces[image.bands > 2])
