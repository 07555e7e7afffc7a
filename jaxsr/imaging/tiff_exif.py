"""Reads and writes the EXIF of TIFF files; libvips does neither (TIFF 6.0, section 2; EXIF 2.32, section 4.6)."""

import os
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from PIL import ExifTags, Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from jaxsr.imaging.exif import UNREADABLE

# Tags of a TIFF's first directory that describe the picture, not the place of its pixels.
_TEXTS = (
    ExifTags.Base.ImageDescription,
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.Software,
    ExifTags.Base.DateTime,
    ExifTags.Base.Artist,
    ExifTags.Base.Copyright,
    ExifTags.Base.HostComputer,
    ExifTags.Base.ProcessingSoftware,
)
# Of programs that sort photos: numbers, and texts as bytes.
_RATINGS = (ExifTags.Base.Rating, ExifTags.Base.RatingPercent)
_BYTES = (
    ExifTags.Base.XPTitle,
    ExifTags.Base.XPComment,
    ExifTags.Base.XPAuthor,
    ExifTags.Base.XPKeywords,
    ExifTags.Base.XPSubject,
)
_DIRECTORIES = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
# The values of these tags are offsets in the source file.
_POINTERS = (ExifTags.IFD.Interop, ExifTags.IFD.MakerNote)
_SIZES = {ExifTags.Base.ExifImageHeight: 0, ExifTags.Base.ExifImageWidth: 1}
_BYTE, _ASCII, _SHORT, _LONG = 1, 2, 3, 4
_RESOLUTION = (ExifTags.Base.XResolution, ExifTags.Base.YResolution, ExifTags.Base.ResolutionUnit)


class _Form(NamedTuple):
    """How a directory stores its number of records, offsets, and a record: tag, type, count, value or offset.

    `pointer` is the type of a directory's offset.
    """

    number: str
    offset: str
    entry: str
    pointer: int


_CLASSIC, _LARGE = _Form("<H", "<L", "<HHL4s", 4), _Form("<Q", "<Q", "<HHQ8s", 16)


def read_tiff_exif(path: str | os.PathLike) -> bytes:
    """A TIFF's EXIF in the form that other formats use: "Exif", two zeros and a small TIFF.

    Empty if there is none, or if it cannot be read because it is broken or in a BigTIFF.
    """
    with open(path, "rb") as file:
        try:
            given, kept = Image.Exif(), Image.Exif()
            given.load_from_fp(file)
            for tag, _, value in _described(given):
                kept[tag] = value
            return kept.tobytes() if len(kept) else b""
        except UNREADABLE:
            return b""


def write_tiff_exif(file: BinaryIO, exif: bytes, *, size: tuple[int, int]) -> None:
    """Append EXIF to a little-endian TIFF or BigTIFF.

    A copy of the first directory, with the missing tags added, is written at the end of the file. The space of the old
    directory stays unused.

    Args:
      file: open for reading and writing.
      exif: as `read_tiff_exif` returns it; EXIF that cannot be read is not written.
      size: (height, width) of the picture, written into the EXIF.
    """
    head, place, form = _head(file)
    records, following = _records(file, place, form)
    present = {_tag(record) for record in records}
    end = file.seek(0, os.SEEK_END)
    appended = bytearray(end % 2)
    try:
        tags = Image.Exif()
        tags.load(exif)
        for tag, kind, value in _described(tags):
            if tag in present:
                continue
            at, count = end + len(appended), 1
            if isinstance(value, dict):
                directory = ImageFileDirectory_v2(head, group=tag)
                for key, inner in value.items():
                    directory[key] = size[_SIZES[key]] if key in _SIZES else inner
                # Its offsets count from the start of the file.
                kind, data = form.pointer, directory.tobytes(at)
            elif isinstance(value, int):
                data = struct.pack("<H", value)
            else:
                data = value + b"\0" * (kind == _ASCII)
                count = len(data)
            if isinstance(value, dict) or len(data) > struct.calcsize(form.offset):
                appended += data + bytes(len(data) % 2)
                data = struct.pack(form.offset, at)
            records.append(struct.pack(form.entry, tag, kind, count, data))
    except UNREADABLE:
        return
    at = end + len(appended)
    file.write(appended + struct.pack(form.number, len(records)) + b"".join(sorted(records, key=_tag)) + following)
    file.seek(struct.calcsize(form.offset))
    file.write(struct.pack(form.offset, at))


def drop_resolution(file: BinaryIO) -> None:
    """Take the resolution, which libvips makes up where it is unknown, out of a little-endian TIFF or BigTIFF."""
    _, place, form = _head(file)
    records, following = _records(file, place, form)
    kept = [record for record in records if _tag(record) not in _RESOLUTION]
    file.seek(place)
    file.write(struct.pack(form.number, len(kept)) + b"".join(kept) + following)


def _head(file):
    """The head of a TIFF, the place of its first directory, and the form of its directories."""
    file.seek(0)
    head = file.read(16)
    form = _LARGE if head[2] == 43 else _CLASSIC
    wide = struct.calcsize(form.offset)
    return head[: 2 * wide], struct.unpack_from(form.offset, head, wide)[0], form


def _records(file, place, form):
    """The records of the directory at a place, and the bytes that say where the next is."""
    file.seek(place)
    (count,) = struct.unpack(form.number, file.read(struct.calcsize(form.number)))
    records = [file.read(struct.calcsize(form.entry)) for _ in range(count)]
    return records, file.read(struct.calcsize(form.offset))


def _described(tags) -> Iterator[tuple[int, int, Any]]:
    """Yield (tag, type, value) of what describes the picture; the value is bytes, a number or a dict of tags."""
    for tag in _TEXTS:
        if isinstance(text := tags.get(tag), str):
            # Pillow decodes these tags as Latin-1, but would encode them as ASCII.
            yield int(tag), _ASCII, text.encode("latin-1")
    for tag in _RATINGS:
        if isinstance(number := tags.get(tag), int) and 0 <= number < 2**16:
            yield int(tag), _SHORT, number
    for tag in _BYTES:
        if isinstance(data := tags.get(tag), bytes):
            yield int(tag), _BYTE, data
    for tag in _DIRECTORIES:
        if directory := {key: value for key, value in tags.get_ifd(tag).items() if key not in _POINTERS}:
            yield int(tag), _LONG, directory


def _tag(record):
    return struct.unpack_from("<H", record)[0]
