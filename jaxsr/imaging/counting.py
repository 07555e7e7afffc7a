"""The number of pictures in a file."""

import warnings
from pathlib import Path

import pyvips
from PIL.TiffImagePlugin import TiffImageFile

from jaxsr.imaging.metadata import field
from jaxsr.imaging.photo import BROKEN
from jaxsr.imaging.png.animation import frame_count

_SUBFILE, _OLD_SUBFILE = 254, 255
# TIFF 6.0, section 8: a smaller copy of another page, and a transparency mask.
_REDUCED_OR_MASK, _OLD_REDUCED = 1 | 4, 2


def picture_count(path: Path, image: pyvips.Image) -> int:
    """The number of pictures in a file. A TIFF's smaller copies and masks do not count.

    Args:
      path: the file.
      image: its first picture, opened.
    """
    count = field(image, "n-pages", 1)
    if count > 1 and field(image, "vips-loader", "").startswith("tiff"):
        return len(tiff_pages(path, count))
    return max(count, frame_count(path))


def tiff_pages(path: Path, count: int) -> list[int]:
    """The numbers of a TIFF's pages that are neither smaller copies nor masks.

    Args:
      path: the TIFF.
      count: its pages, with copies and masks.

    Returns:
      The numbers, from 0. All of them if the tags cannot be read; [0] if no page is a picture of its own.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # `Image.open` would refuse pictures that are smaller than our limit.
            with TiffImageFile(path) as opened:
                found = [number for number in range(count) if _is_page(opened, number)]
    except BROKEN:
        return list(range(count))
    return found or [0]


def _is_page(opened, number):
    opened.seek(number)
    tags = opened.tag_v2
    return not (tags.get(_SUBFILE, 0) & _REDUCED_OR_MASK or tags.get(_OLD_SUBFILE) == _OLD_REDUCED)
