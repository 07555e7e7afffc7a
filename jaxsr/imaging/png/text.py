"""The texts of PNG files; libvips garbles those that are not ASCII (PNG, third edition, section 11.3.3)."""

import os
import zlib
from collections.abc import Sequence

from jaxsr.imaging.png.chunks import Chunk, read_chunks

# Limit for one chunk, and for all texts of a file together. Whole workflows and pictures are kept as text; Pillow opens
# no file with more than 64 MiB of it, nor one with a packed text of more than 1 MiB.
_MOST_BYTES = 5 * 10**7
_MOST_PACKED = 2**20
# The keyword of XMP, which libvips reads and writes itself.
_XMP = "XML:com.adobe.xmp"


def read_text(path: str | os.PathLike) -> tuple[tuple[str, str], ...]:
    """(keyword, text) of each tEXt, zTXt and iTXt chunk of a PNG, without XMP; broken chunks are left out."""
    found, left = [], _MOST_BYTES
    for kind, body in read_chunks(path, _DECODERS, largest=_MOST_BYTES):
        keyword, text = _decoded(kind, body)
        if 0 < len(keyword) < 80 and keyword != _XMP and len(text) <= left:
            found.append((keyword, text))
            left -= len(text)
    return tuple(found)


def text_chunks(texts: Sequence[tuple[str, str]]) -> list[Chunk]:
    """The chunks of (keyword, text): zTXt if both are ASCII, or tEXt if the text is long; otherwise iTXt."""
    return [_chunk(keyword.encode("latin-1"), text) for keyword, text in texts]


def _chunk(keyword, text):
    data = text.encode()
    if not (keyword.isascii() and text.isascii()):
        # Uncompressed, without a language and without a translated keyword.
        return b"iTXt", keyword + bytes(5) + data
    if len(data) > _MOST_PACKED:
        return b"tEXt", keyword + b"\0" + data
    return b"zTXt", keyword + b"\0\0" + zlib.compress(data)


def _decoded(kind, body):
    keyword, _, rest = body.partition(b"\0")
    try:
        text = _DECODERS[kind](rest)
    except (ValueError, IndexError, zlib.error):
        return "", ""
    # A null byte ends the text, as in C.
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
        raise ValueError("the text is cut short or too long")
    return text


_DECODERS = {b"tEXt": lambda rest: rest.decode("latin-1"), b"zTXt": _packed, b"iTXt": _international}
