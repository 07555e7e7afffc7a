"""Text of PNG files beyond ASCII, which libvips garbles (PNG, third edition, section 11.3.3)."""

import os
import struct
import zlib
from typing import BinaryIO

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_END = struct.pack(">L4sL", 0, b"IEND", zlib.crc32(b"IEND"))
# Of one text, packed or not, and of all that are kept; more is no caption.
_MOST_BYTES, _MOST_TEXTS = 10**6, 1000


def read_text(path: str | os.PathLike) -> list[tuple[str, str]]:
    """(keyword, text) of a PNG's tEXt, zTXt and iTXt chunks that are not ASCII; broken ones are left out."""
    found = []
    with open(path, "rb") as file:
        if file.read(8) != _SIGNATURE:
            return found
        while len(header := file.read(8)) == 8 and len(found) < _MOST_TEXTS:
            length, kind = struct.unpack(">L4s", header)
            if kind in _DECODERS and length <= _MOST_BYTES:
                try:
                    keyword, text = _DECODERS[kind](*file.read(length).split(b"\0", 1))
                except (ValueError, TypeError, IndexError, zlib.error):
                    keyword, text = b"", ""
                if 0 < len(keyword) < 80 and not text.isascii():
                    found.append((keyword.decode("latin-1"), text))
                file.seek(4, os.SEEK_CUR)
            else:
                file.seek(length + 4, os.SEEK_CUR)
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


def _plain(keyword, rest):
    return keyword, rest.decode("latin-1")


def _packed(keyword, rest):
    return keyword, _unpacked(rest[1:]).decode("latin-1")


def _international(keyword, rest):
    packed = rest[0]
    _language, _translated, text = rest[2:].split(b"\0", 2)
    return keyword, (_unpacked(text) if packed else text).decode()


def _unpacked(data):
    return zlib.decompressobj().decompress(data, _MOST_BYTES)


_DECODERS = {b"tEXt": _plain, b"zTXt": _packed, b"iTXt": _international}
