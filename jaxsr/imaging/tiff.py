"""The pages of TIFF files, by the tags of their directories (TIFF 6.0, sections 2 and 8; BigTIFF)."""

import os
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from PIL import ExifTags
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from jaxsr.imaging.broken import BROKEN

# A page's tags that say what it holds, and their values: an integer, or a tuple of these.
Tags = dict[int, Any]

_SUBFILE, _OLD_SUBFILE = ExifTags.Base.NewSubfileType, ExifTags.Base.SubfileType
_READ = (
    _SUBFILE,
    _OLD_SUBFILE,
    ExifTags.Base.BitsPerSample,
    ExifTags.Base.PhotometricInterpretation,
    ExifTags.Base.Orientation,
    ExifTags.Base.SampleFormat,
)
# Values of the first two: a smaller copy of another page, and a transparency mask.
_REDUCED_OR_MASK, _OLD_REDUCED = 1 | 4, 2


def tiff_tags(path: str | os.PathLike) -> list[Tags]:
    """The tags of each page, in file order; of all before the first that cannot be read."""
    with open(path, "rb") as file, warnings.catch_warnings():
        # Pillow warns of odd tags, which do not matter here.
        warnings.simplefilter("ignore")
        return list(_directories(file))


def own_pages(tags: list[Tags]) -> list[int]:
    """The numbers, from 0, of the pages that are neither smaller copies nor masks.

    Args:
      tags: from `tiff_tags`; if it is empty, the first page counts.
    """
    return [number for number, one in enumerate(tags or [{}]) if is_own_page(one)]


def is_own_page(tags: Mapping[int, Any]) -> bool:
    """Whether a page is neither a smaller copy of another nor a mask."""
    return not (tags.get(_SUBFILE, 0) & _REDUCED_OR_MASK or tags.get(_OLD_SUBFILE) == _OLD_REDUCED)


def _directories(file: BinaryIO) -> Iterator[Tags]:
    head = file.read(8)
    head += file.read(8) if head[2:3] == b"+" else b""
    seen = {0}
    try:
        place = ImageFileDirectory_v2(head).next
        while place not in seen:
            seen.add(place)
            directory = ImageFileDirectory_v2(head)
            # Where it is cut short, the directory ends the chain.
            directory.next = 0
            file.seek(place)
            directory.load(file)
            values = {tag: directory[tag] for tag in _READ if tag in directory}
            yield {tag: value for tag, value in values.items() if isinstance(value, int | tuple)}
            place = directory.next
    except BROKEN:
        return
