"""Reads and writes the EXIF of TIFF files, as libvips does neither (TIFF 6.0, section 2; EXIF 2.32, section 4.6)."""

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from PIL import ExifTags, Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from jaxsr.imaging.broken import BROKEN

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
_BYTE, _ASCII, _SHORT, _LONG, _LONG8 = 1, 2, 3, 4, 16
_RESOLUTION = (ExifTags.Base.XResolution, ExifTags.Base.YResolution, ExifTags.Base.ResolutionUnit)
_UNREADABLE = (*BROKEN, ArithmeticError, AttributeError, AssertionError)


class _Form(NamedTuple):
    """How a directory stores its number of records, offsets, and a record: tag, type, count, value or offset."""

    number: str
    offset: str
    entry: str


_CLASSIC, _LARGE = _Form("<H", "<L", "<HHL4s"), _Form("<Q", "<Q", "<HHQ8s")


def read_exif(path: str | os.PathLike) -> bytes:
    """A TIFF's EXIF in the form that other formats use: "Exif", two zeros and a small TIFF.

    Returns:
      The EXIF; empty if there is none, or if it cannot be read because it is broken or in a BigTIFF.
    """
    with open(path, "rb") as file:
        try:
            given, kept = Image.Exif(), Image.Exif()
            given.load_from_fp(file)
            for tag in _TEXTS:
                if isinstance(given.get(tag), str):
                    # Pillow decodes these tags as Latin-1, but would encode them as ASCII.
                    kept[tag] = given[tag].encode("latin-1")
            for tag in (*_RATINGS, *_BYTES):
                if isinstance(given.get(tag), int | bytes):
                    kept[tag] = given[tag]
            for tag in _DIRECTORIES:
                if directory := _directory(given, tag):
                    kept[tag] = directory
            return kept.tobytes() if len(kept) else b""
        except _UNREADABLE:
            return b""


def orientation_of(exif: bytes) -> int | None:
    """The orientation in EXIF, 1 to 8; None if there is none or it cannot be read."""
    tags = Image.Exif()
    try:
        tags.load(exif)
        orientation = tags.get(ExifTags.Base.Orientation, 0)
    except _UNREADABLE:
        return None
    return int(orientation) if orientation in range(1, 9) else None


def write_exif(file: BinaryIO, exif: bytes, *, size: tuple[int, int]) -> None:
    """Append EXIF to a little-endian TIFF or BigTIFF.

    A copy of the first directory, with the missing tags added, is written at the end of the file. The space of the old
    directory stays unused.

    Args:
      file: open for reading and writing.
      exif: as returned by `read_exif`; EXIF that cannot be read is not written.
      size: (height, width) of the picture, written into the EXIF.
    """
    head, place, form = _head(file)
    try:
        added = list(_entries(exif, size, head))
    except _UNREADABLE:
        return
    records, following = _records(file, place, form)
    present = {_tag(record) for record in records}
    wide = struct.calcsize(form.offset)
    for tag, kind, data in added:
        if isinstance(data, ImageFileDirectory_v2):
            # The directory's offsets count from the start of the file, so its position must be known.
            at = _append(file, b"")
            file.write(data.tobytes(at))
            records.append(struct.pack(form.entry, tag, kind, 1, struct.pack(form.offset, at)))
        elif tag not in present:
            value = data if len(data) <= wide else struct.pack(form.offset, _append(file, data))
            count = 1 if kind == _SHORT else len(data)
            records.append(struct.pack(form.entry, tag, kind, count, value))
    at = _append(file, struct.pack(form.number, len(records)) + b"".join(sorted(records, key=_tag)) + following)
    file.seek(wide)
    file.write(struct.pack(form.offset, at))


def drop_resolution(file: BinaryIO) -> None:
    """Take the resolution out of a little-endian TIFF or BigTIFF, which libvips makes up where it is unknown.

    Args:
      file: open for reading and writing.
    """
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


def _entries(exif, size, head) -> Iterator[tuple[int, int, bytes | ImageFileDirectory_v2]]:
    """Yield (tag, type, value or directory) to add. Whatever is yielded can be written."""
    tags = Image.Exif()
    tags.load(exif)
    for tag in _TEXTS:
        if isinstance(tags.get(tag), str):
            yield int(tag), _ASCII, tags[tag].encode("latin-1") + b"\0"
    for tag in _RATINGS:
        if isinstance(tags.get(tag), int) and 0 <= tags[tag] < 2**16:
            yield int(tag), _SHORT, struct.pack("<H", tags[tag])
    for tag in _BYTES:
        if isinstance(tags.get(tag), bytes):
            yield int(tag), _BYTE, tags[tag]
    for tag in _DIRECTORIES:
        if values := _directory(tags, tag):
            directory = ImageFileDirectory_v2(head, group=tag)
            for key, value in values.items():
                directory[key] = size[_SIZES[key]] if key in _SIZES else value
            directory.tobytes()
            yield int(tag), _LONG8 if len(head) == 16 else _LONG, directory


def _directory(tags, tag):
    return {key: value for key, value in tags.get_ifd(tag).items() if key not in _POINTERS}


def _tag(record):
    return struct.unpack_from("<H", record)[0]


def _append(file, data):
    """Append data at an even offset, and return that offset."""
    at = file.seek(0, os.SEEK_END)
    file.write(bytes(at % 2) + data)
    return at + at % 2
