"""Text of PNG files beyond ASCII, which libvips garbles (PNG, third edition, section 11.3.3)."""

import os
import zlib
from collections.abc import Sequence
from typing import BinaryIO

from jaxsr.imaging.chunks import insert_at_end, read_chunks

# Of one chunk, and of all texts that are kept; more is no caption.
_MOST_BYTES = 10**6
# Which libvips reads and writes itself.
_XMP = "XML:com.adobe.xmp"


def read_text(path: str | os.PathLike) -> list[tuple[str, str]]:
    """(keyword, text) of a PNG's tEXt, zTXt and iTXt chunks that are not ASCII; broken ones are left out."""
    found, left = [], _MOST_BYTES
    for kind, body in read_chunks(path, _DECODERS, largest=_MOST_BYTES):
        keyword, text = _decoded(kind, body)
        if 0 < len(keyword) < 80 and keyword != _XMP and len(text) <= left and not (keyword + text).isascii():
            found.append((keyword, text))
            left -= len(text)
    return found


def write_text(file: BinaryIO, texts: Sequence[tuple[str, str]]) -> None:
    """Add texts to a whole PNG, as iTXt chunks before its end.

    Args:
      file: open for reading and writing.
      texts: as `read_text` gives them.
    """
    # Not packed, in no language, and no translation of the keyword.
    chunks = [(b"iTXt", keyword.encode("latin-1") + bytes(5) + text.encode()) for keyword, text in texts]
    insert_at_end(file, chunks)


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
