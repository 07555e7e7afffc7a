"""The pages of TIFF files, by the tags of their directories (TIFF 6.0, sections 2 and 8; BigTIFF)."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from PIL import ExifTags

from jaxsr.imaging.broken import BROKEN

# A page's tags that say what it holds, and their values: an integer, or a tuple of these.
Tags = dict[int, Any]

_SUBFILE, _OLD_SUBFILE = ExifTags.Base.NewSubfileType, ExifTags.Base.SubfileType
_READ = (_SUBFILE, _OLD_SUBFILE, ExifTags.Base.PhotometricInterpretation, ExifTags.Base.Orientation)
_READ_AS_TUPLES = (ExifTags.Base.BitsPerSample, ExifTags.Base.SampleFormat, ExifTags.Base.SubIFDs)
# Values of the first two: a smaller copy of another page, and a transparency mask.
_REDUCED_OR_MASK, _OLD_REDUCED = 1 | 4, 2
# Bytes of a number of each type: BYTE, SHORT, LONG and IFD, and those of BigTIFF.
_WIDTHS = {1: 1, 3: 2, 4: 4, 13: 4, 16: 8, 18: 8}
# More tags or values are not real; a file of a few bytes can claim any number.
_MOST_TAGS, _MOST_VALUES = 65535, 64


def tiff_tags(path: str | os.PathLike) -> list[Tags]:
    """The tags of each page, in file order; a damaged tag is left out.

    Pillow would leave out all after a damaged one, and does not know big-endian BigTIFF.
    """
    with open(path, "rb") as file:
        return list(_directories(file))


def own_pages(tags: list[Tags]) -> list[int]:
    """The numbers, from 0, of the pages that are neither smaller copies nor masks, by their `tiff_tags`.

    Without tags, the first page counts.
    """
    return [number for number, one in enumerate(tags or [{}]) if is_own_page(one)]


def is_own_page(tags: Mapping[int, Any]) -> bool:
    """Whether a page is neither a smaller copy of another nor a mask."""
    return not (tags.get(_SUBFILE, 0) & _REDUCED_OR_MASK or tags.get(_OLD_SUBFILE) == _OLD_REDUCED)


def _directories(file: BinaryIO) -> Iterator[Tags]:
    order = "little" if file.read(2) == b"II" else "big"
    large = int.from_bytes(file.read(2), order) == 43
    wide, size = (8, 20) if large else (4, 12)
    file.seek(wide)
    place, seen = int.from_bytes(file.read(wide), order), {0}
    while place not in seen:
        seen.add(place)
        try:
            file.seek(place)
        except BROKEN:
            return
        # At the end of the file nothing is read, and that is the number 0.
        count = int.from_bytes(file.read(8 if large else 2), order)
        records = file.read(min(count, _MOST_TAGS) * size)
        place = int.from_bytes(file.read(wide), order)
        tags: Tags = {}
        for start in range(0, len(records), size):
            record = records[start : start + size]
            tag = int.from_bytes(record[:2], order)
            values = _values(file, record[2:], order) if tag in (*_READ, *_READ_AS_TUPLES) else ()
            if values:
                tags.setdefault(tag, values if tag in _READ_AS_TUPLES else values[0])
        yield tags


def _values(file, record, order):
    """The values of a tag, whose record goes on with type, number, and values or their offset; () if damaged."""
    wide = (len(record) - 2) // 2
    width = _WIDTHS.get(int.from_bytes(record[:2], order), 0)
    length = width * min(int.from_bytes(record[2 : 2 + wide], order), _MOST_VALUES)
    data = record[2 + wide :]
    if length > wide:
        with contextlib.suppress(*BROKEN):
            file.seek(int.from_bytes(data, order))
            data = file.read(length)
    if len(data) < length:
        return ()
    return tuple(int.from_bytes(data[i : i + width], order) for i in range(0, length, width or 1))
