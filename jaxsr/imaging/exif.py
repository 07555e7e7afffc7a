"""What EXIF says, and the EXIF of results: that of their sources, but for what enlarging changes.

EXIF 2.32, sections 4.5 and 4.6.
"""

import contextlib
import struct
from typing import Any

from PIL import ExifTags, Image

from jaxsr.imaging.broken import BROKEN

# What Pillow raises when it reads or packs broken EXIF.
UNREADABLE = (*BROKEN, ArithmeticError, AttributeError, AssertionError)
_HEAD = b"Exif\0\0"
_EMPTY = b"II*\0" + struct.pack("<LHL", 8, 0, 0)
_TAGS = ExifTags.Base
_SHORT, _LONG, _RATIONAL = 3, 4, 5
_INCH, _CENTIMETRE = 2, 3
_WIDTHS, _HEIGHTS = (_TAGS.ImageWidth, _TAGS.ExifImageWidth), (_TAGS.ImageLength, _TAGS.ExifImageHeight)
_MILLIMETRES = {_INCH: 25.4, _CENTIMETRE: 10.0}


def orientation_of(exif: bytes) -> int | None:
    """The orientation in EXIF, 1 to 8; None if there is none or it cannot be read."""
    tags = Image.Exif()
    try:
        tags.load(exif)
        orientation = tags.get(_TAGS.Orientation, 0)
    except UNREADABLE:
        return None
    return int(orientation) if orientation in range(1, 9) else None


def exif_resolution(exif: bytes) -> tuple[float, float] | None:
    """The resolution in EXIF, across and down in pixels per millimetre; None if there is none or it cannot be read."""
    body = exif.removeprefix(_HEAD)
    try:
        order, _, records, _ = _first_directory(body)
        across, down = (_rational(body, order, records[tag]) for tag in (_TAGS.XResolution, _TAGS.YResolution))
        unit = _MILLIMETRES[_unit(records, order)]
    except (struct.error, KeyError, ZeroDivisionError):
        return None
    return (across / unit, down / unit) if across > 0 and down > 0 else None


def is_unitless(exif: bytes) -> bool:
    """Whether the resolution in EXIF is a ratio alone, without a unit."""
    try:
        order, _, records, _ = _first_directory(exif.removeprefix(_HEAD))
        return _TAGS.XResolution in records and _unit(records, order) == 1
    except (struct.error, KeyError):
        return False


def updated_exif(exif: bytes, *, size: tuple[int, int], resolution: tuple[float, float] | None) -> bytes:
    """EXIF for a result, as a small TIFF; empty if there is nothing to say, or if `exif` cannot be read.

    The picture is said to be upright, sizes are updated where there are any, and the thumbnail is cut out. All other
    values stay at their offsets, because makers' notes hold offsets too.

    Args:
      exif: of the source, with or without "Exif" and two zeros before it; empty if there is none.
      size: (height, width) of the result.
      resolution: of the result, across and down in pixels per millimetre; None if that is unknown.
    """
    if not exif and resolution is None:
        return b""
    body = bytearray(exif.removeprefix(_HEAD) or _EMPTY)
    try:
        order, place, records, following = _first_directory(body)
        with contextlib.suppress(struct.error):
            _cut_thumbnail(body, order, following)
        count = len(records)
        if _TAGS.Orientation in records:
            records[_TAGS.Orientation] = _SHORT, 1, struct.pack(order + "H2x", 1)
        _set_size(records, order, size)
        # A damaged inner directory does not cost the rest.
        with contextlib.suppress(struct.error, KeyError):
            inner = struct.unpack(order + "L", records[_TAGS.ExifOffset][2])[0]
            described, _ = _directory(body, order, inner)
            _set_size(described, order, size)
            _write(body, order, inner, described)
        if resolution is not None:
            _set_resolution(body, records, order, resolution)
        if len(records) > count:
            body += bytes(len(body) % 2)
            place = len(body)
            struct.pack_into(order + "L", body, 4, place)
        _write(body, order, place, records, end=bytes(4))
    except (struct.error, KeyError):
        return b""
    return bytes(body)


def _first_directory(body):
    """The order of bytes, the place of the first directory, its tags, and the offset of the next directory."""
    order = {b"II": "<", b"MM": ">"}[bytes(body[:2])]
    (place,) = struct.unpack_from(order + "L", body, 4)
    return order, place, *_directory(body, order, place)


def _directory(body, order, place) -> tuple[dict[int, Any], int]:
    """The tags with their (type, count, value or offset), and the offset of the next directory."""
    if place < 8:
        raise struct.error("a directory lies in the head")
    (count,) = struct.unpack_from(order + "H", body, place)
    records = [struct.unpack_from(order + "HHL4s", body, place + 2 + 12 * number) for number in range(count)]
    # Some programs leave out the offset after the last directory.
    following = body[place + 2 + 12 * count :][:4].ljust(4, b"\0")
    return {tag: tuple(rest) for tag, *rest in records}, struct.unpack(order + "L", following)[0]


def _write(body, order, place, records, *, end=b""):
    data = struct.pack(order + "H", len(records))
    data += b"".join(struct.pack(order + "HHL4s", tag, *records[tag]) for tag in sorted(records))
    body[place : place + len(data + end)] = data + end


def _unit(records, order):
    found = records.get(_TAGS.ResolutionUnit)
    return struct.unpack_from(order + "H", found[2])[0] if found else _INCH


def _rational(body, order, record):
    numerator, denominator = struct.unpack_from(order + "LL", body, struct.unpack(order + "L", record[2])[0])
    return numerator / denominator


def _set_size(records, order, size):
    for tags, side in ((_HEIGHTS, size[0]), (_WIDTHS, size[1])):
        for tag in records.keys() & tags:
            records[tag] = _LONG, 1, struct.pack(order + "L", side)


def _set_resolution(body, records, order, resolution):
    unit = _CENTIMETRE if _unit(records, order) == _CENTIMETRE else _INCH
    records[_TAGS.ResolutionUnit] = _SHORT, 1, struct.pack(order + "H2x", unit)
    for tag, value in zip((_TAGS.XResolution, _TAGS.YResolution), resolution, strict=True):
        thousandths = min(round(value * _MILLIMETRES[unit] * 1000), 2**32 - 1)
        whole = not thousandths % 1000
        body += bytes(len(body) % 2)
        records[tag] = _RATIONAL, 1, struct.pack(order + "L", len(body))
        body += struct.pack(order + "LL", thousandths // 1000 if whole else thousandths, 1 if whole else 1000)


def _cut_thumbnail(body, order, directory):
    """Blank the thumbnail, or cut it off at the end."""
    if not directory:
        return
    records, _ = _directory(body, order, directory)
    tags = (_TAGS.JpegIFOffset, _TAGS.JpegIFByteCount)
    if all(tag in records for tag in tags):
        begin, length = (struct.unpack(order + "L", records[tag][2])[0] for tag in tags)
        end = begin + length
        if 8 <= begin < end == len(body):
            del body[begin:]
        elif 8 <= begin < end < len(body):
            body[begin:end] = bytes(end - begin)
