"""Text of PNG files beyond ASCII, which libvips garbles (PNG, third edition, section 11.3.3)."""

import os
import struct
import zlib
from typing import BinaryIO

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_END = struct.pack(">L4sL", 0, b"IEND", zlib.crc32(b"IEND"))
# Of one chunk, and of all texts that are kept; more is no caption.
_MOST_BYTES = 10**6
# Which libvips reads and writes itself.
_XMP = "XML:com.adobe.xmp"


def read_text(path: str | os.PathLike) -> list[tuple[str, str]]:
    """(keyword, text) of a PNG's tEXt, zTXt and iTXt chunks that are not ASCII; broken ones are left out."""
    found, left = [], _MOST_BYTES
    with open(path, "rb") as file:
        if file.read(8) != _SIGNATURE:
            return found
        while len(header := file.read(8)) == 8:
            length, kind = struct.unpack(">L4s", header)
            if kind == b"IEND":
                break
            if kind not in _DECODERS or length > _MOST_BYTES:
                file.seek(length + 4, os.SEEK_CUR)
                continue
            keyword, text = _decoded(kind, file.read(length))
            file.seek(4, os.SEEK_CUR)
            if 0 < len(keyword) < 80 and keyword != _XMP and len(text) <= left and not (keyword + text).isascii():
                found.append((keyword, text))
                left -= len(text)
    return found


def write_text(file: BinaryIO, texts: list[tuple[str, str]]) -> None:
    """Add texts to a whole PNG, as iTXt chunks before its end.

    Args:
      file: open for reading and writing.
      texts: as `read_text` gives them.
    """
    file.seek(-len(_END), os.SEEK_END)
    for keyword, text in texts:
        # Not packed, in no language, and no translation of the keyword.
        body = b"iTXt" + keyword.encode("latin-1") + bytes(5) + text.encode()
        file.write(struct.pack(">L", len(body) - 4) + body + struct.pack(">L", zlib.crc32(body)))
    file.write(_END)


def _decoded(kind, body):
    keyword, _, rest = body.partition(b"\0")
    try:
        text = _DECODERS[kind](rest)
    except (ValueError, IndexError, zlib.error):
        return "", ""
    # A text ends where C would say so.
    return keyword.decode("latin-1"), text.partition("\0")[0]


def _packed(rest):
    return _unpacked(rest[1:]).decode("latin-1")


def _international(rest):
    packed = rest[0]
    _language, _translated, text = rest[2:].split(b"\0", 2)
    return (_unpacked(text) if packed else text).decode()


def _unpacked(data):
    unpacker = zlib.decompressobj()
    text = unpacker.decompress(data, _MOST_BYTES)
    if not unpacker.eof:
        raise ValueError("cut short, or too long")
    return text


_DECODERS = {b"tEXt": lambda rest: rest.decode("latin-1"), b"zTXt": _packed, b"iTXt": _international}
