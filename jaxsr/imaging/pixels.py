"""Files and arrays as libvips images, the formats of their pixels, and how many pixels an image may have."""

from pathlib import Path
from typing import Any

import numpy as np
import pyvips

from jaxsr.errors import InputError

# By libvips' names of the formats: NumPy's dtypes, and the values of white.
DTYPES = {"uchar": np.uint8, "ushort": np.uint16, "float": np.float32}
WHITE = {"uchar": 255, "ushort": 65535, "float": 1}
# libvips' colour spaces by format and number of bands.
SPACES: dict[tuple[Any, int], str] = {
    ("uchar", 1): "b-w",
    ("ushort", 1): "grey16",
    ("uchar", 3): "srgb",
    ("ushort", 3): "rgb16",
    ("uchar", 4): "cmyk",
}
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
    """A libvips image, gray or sRGB, of [H, W] or [H, W, C] uint8 or uint16; with opacity where C is 2 or 4."""
    image = pyvips.Image.new_from_array(pixels)
    return image.copy(interpretation=SPACES[image.format, 3 if image.bands > 2 else 1])


def open_image(path: Path, *, fail_on: str = "error", **options: Any) -> pyvips.Image:
    """Open a file with libvips; its pixels are decoded on demand.

    Args:
      path: the file.
      fail_on: the faults that are errors, as libvips names them; "none" decodes what is there.
      options: of libvips' reader, such as `page`.

    Raises:
      pyvips.Error: libvips cannot read it.
    """
    with path.open("rb") as file:
        # By descriptor, because libvips reads brackets in a name as options, and a name need not be valid text.
        source = pyvips.Source.new_from_descriptor(file.fileno())
        return pyvips.Image.new_from_source(source, "", fail_on=fail_on, **options)
