"""Puts EXIF into complete JPEG and WebP files (EXIF 2.32, section 4.7.2; RFC 9649, section 2.7)."""

import os
import struct
from typing import BinaryIO

from jaxsr.files import insert
from jaxsr.imaging.formats import Kind

_LONGEST_SEGMENT = 65533
_FLAG = 0x08


def insert_exif(file: BinaryIO, exif: bytes, *, kind: Kind, size: tuple[int, int]) -> None:
    """Put EXIF into a complete JPEG, if it fits in a segment, or a complete lossy WebP, neither of which has any yet.

    Args:
      file: open for reading and writing.
      exif: a small TIFF.
      kind: the format of the file; others are left unchanged.
      size: (height, width) of the picture.
    """
    body = b"Exif\0\0" + exif
    if kind == "JPEG" and len(body) <= _LONGEST_SEGMENT:
        insert(file, 2, b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body)
    elif kind == "WEBP":
        _insert_into_webp(file, exif, size)


def _insert_into_webp(file, exif, size):
    file.seek(12)
    if file.read(4) != b"VP8X":
        # The shortest form of a WebP has room for the pixels alone, which are opaque.
        height, width = ((side - 1).to_bytes(3, "little") for side in size)
        insert(file, 12, b"VP8X" + struct.pack("<LL", 10, 0) + width + height)
    file.seek(20)
    flags = file.read(1)[0]
    file.seek(20)
    file.write(bytes([flags | _FLAG]))
    file.seek(0, os.SEEK_END)
    file.write(b"EXIF" + struct.pack("<L", len(exif)) + exif + bytes(len(exif) % 2))
    length = file.tell() - 8
    file.seek(4)
    file.write(struct.pack("<L", length))
