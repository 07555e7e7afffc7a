"""Boxes of the files that begin with ftyp, such as AVIF (ISO/IEC 14496-12, section 4.2; 23008-12, section 6)."""

import io
import struct
from collections.abc import Iterator
from pathlib import Path

# Most bytes of the box that describes the pictures; it can also hold small pictures themselves.
_LARGEST = 10**8


def primary_numbers(path: Path) -> tuple[int, int] | None:
    """The numbers of the primary picture's primaries and transfer function in H.273; None if the file has none.

    They are in a colr box of type nclx among the picture's properties.
    """
    try:
        with path.open("rb") as file:
            meta = next(body for _, body in _boxes(file, b"meta"))
        # The four bytes of a version and flags come first.
        boxes = _inner(meta[4:])
        pitm, properties = boxes[b"pitm"], _inner(boxes[b"iprp"])
        (primary,) = struct.unpack_from(">L" if pitm[0] else ">H", pitm, 4)
        listed = list(_boxes(io.BytesIO(properties[b"ipco"])))
        for index in _indices(properties[b"ipma"], primary):
            kind, body = listed[index - 1]
            if kind == b"colr" and body[:4] == b"nclx":
                primaries, transfer = struct.unpack_from(">HH", body, 4)
                return primaries, transfer
    except (StopIteration, KeyError, IndexError, struct.error):
        pass
    return None


def _inner(body):
    return dict(_boxes(io.BytesIO(body)))


def _boxes(file, wanted=None) -> Iterator[tuple[bytes, bytes]]:
    """Yield (kind, body) of the boxes in a file, or of those of one kind."""
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">L4s", head)
        rest = length - 8
        if length == 1:
            rest = struct.unpack(">Q", file.read(8))[0] - 16
        elif not length:
            # The last box may leave its length open.
            rest = _LARGEST
        if not 0 <= rest < 2**60:
            return
        end = file.tell() + rest
        if wanted in (None, kind):
            yield kind, file.read(min(rest, _LARGEST))
        file.seek(end)


def _indices(ipma, item):
    """Yield the places of an item's properties in their list, from 1."""
    version, flags = ipma[0], ipma[3]
    (count,) = struct.unpack_from(">L", ipma, 4)
    place, number, width = 8, ">L" if version else ">H", 2 if flags & 1 else 1
    for _ in range(count):
        (found,) = struct.unpack_from(number, ipma, place)
        place += struct.calcsize(number)
        associated = ipma[place]
        place += 1
        for _ in range(associated):
            (index,) = struct.unpack_from(">H" if width == 2 else ">B", ipma, place)
            place += width
            if found == item:
                # The first bit says whether a reader must know the property.
                yield index & (0x7FFF if width == 2 else 0x7F)
