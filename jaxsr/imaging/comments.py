"""Comments of JPEG and GIF files (ITU-T T.81, B.2.4.5; GIF89a, section 24)."""

import os
import struct
from typing import BinaryIO

from jaxsr.files import insert
from jaxsr.imaging.formats import Kind, kind_of

# The comments of a file are kept up to this size in total; more text is not a caption.
_MOST_BYTES = 10**6
# Most bytes in a JPEG segment, apart from its length field.
_LONGEST = 65533
_COMMENT, _SCAN, _END = 0xFE, 0xDA, 0xD9
_APPLICATION = range(0xE0, 0xF0)
_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B


def read_comments(path: str | os.PathLike) -> tuple[bytes, ...]:
    """The comments of a JPEG or GIF, in file order, up to what is broken; none for other formats."""
    walk = {"JPEG": _of_jpeg, "GIF": _of_gif}.get(kind_of(path))
    found, left = [], _MOST_BYTES
    with open(path, "rb") as file:
        for comment in walk(file) if walk else ():
            if 0 < len(comment) <= left:
                found.append(comment)
                left -= len(comment)
    return tuple(found)


def is_gif_cut_short(path: str | os.PathLike) -> bool:
    """Whether a GIF lacks its end; libvips reads the frames that are there without a word."""
    with open(path, "rb") as file:
        return _TRAILER not in (kind for kind, _, _ in _gif_blocks(file))


def write_comments(file: BinaryIO, comments: tuple[bytes, ...], *, kind: Kind) -> None:
    """Add comments to a complete JPEG or GIF, open for reading and writing; files of other kinds are left unchanged.

    A comment that is longer than a JPEG segment is divided.
    """
    if kind == "JPEG":
        parts = [one[i : i + _LONGEST] for one in comments for i in range(0, len(one), _LONGEST)]
        segments = b"".join(b"\xff\xfe" + struct.pack(">H", len(part) + 2) + part for part in parts)
        insert(file, _behind_applications(file), segments)
    elif kind == "GIF":
        insert(file, _before_frames(file), b"".join(b"\x21\xfe" + _in_blocks(one) for one in comments))


def comment_texts(comments: tuple[bytes, ...]) -> tuple[tuple[str, str], ...]:
    """Comments as (keyword, text) for a PNG (third edition, section 11.3.3.2), decoded as UTF-8, otherwise Latin-1."""
    return tuple(("Comment", _text(one)) for one in comments)


def _text(comment):
    try:
        return comment.decode().rstrip("\0")
    except UnicodeDecodeError:
        return comment.decode("latin-1").rstrip("\0")


def _segments(file):
    """Yield (marker, length of the body) of each segment before the first scan; the file is positioned at the body."""
    file.seek(2)
    while len(header := file.read(4)) == 4:
        begin, marker, length = struct.unpack(">BBH", header)
        if begin != 0xFF or marker in (_SCAN, _END) or length < 2:
            return
        at = file.tell()
        yield marker, length - 2
        file.seek(at + length - 2)


def _of_jpeg(file):
    for marker, length in _segments(file):
        if marker == _COMMENT:
            yield file.read(length)


def _behind_applications(file):
    at = 2
    for marker, length in _segments(file):
        if marker not in _APPLICATION:
            break
        at = file.tell() + length
    return at


def _gif_blocks(file):
    """Yield (kind, label, body) of a GIF's blocks, with the file positioned after each. Frames have an empty body."""
    file.seek(10)
    flags = file.read(3)
    if len(flags) < 3:
        return
    file.seek(_table(flags[0]), os.SEEK_CUR)
    while kind := file.read(1):
        if kind[0] == _EXTENSION:
            yield _EXTENSION, file.read(1), b"".join(_sub_blocks(file))
        elif kind[0] == _IMAGE and len(header := file.read(9)) == 9:
            # Skip the local colour table and the minimum code size.
            file.seek(_table(header[8]) + 1, os.SEEK_CUR)
            for _ in _sub_blocks(file):
                pass
            yield _IMAGE, b"", b""
        else:
            if kind[0] == _TRAILER:
                yield _TRAILER, b"", b""
            return


def _of_gif(file):
    return (body for kind, label, body in _gif_blocks(file) if (kind, label) == (_EXTENSION, b"\xfe"))


def _before_frames(file):
    """Offset after the application extensions. Some readers only look for these directly after the header."""
    file.seek(10)
    flags = file.read(3)
    at = file.tell() + _table(flags[0])
    for kind, label, _ in _gif_blocks(file):
        if (kind, label) != (_EXTENSION, b"\xff"):
            break
        at = file.tell()
    return at


def _table(flags):
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _sub_blocks(file):
    while (size := file.read(1)) and size[0]:
        yield file.read(size[0])


def _in_blocks(comment):
    parts = [comment[i : i + 255] for i in range(0, len(comment), 255)]
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\0"
