"""Chunks of PNG files (PNG, third edition, section 5)."""

import io
import os
import struct
from collections.abc import Collection, Iterator, Sequence
from typing import BinaryIO

from zlib_ng import zlib_ng

from jaxsr.files import insert

Chunk = tuple[bytes, bytes]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Offset of the first byte after IHDR.
_AFTER_HEADER = len(SIGNATURE) + 25


def read_chunks(path: str | os.PathLike, kinds: Collection[bytes], *, largest: int = 10**6) -> Iterator[Chunk]:
    """Yield (kind, body) of the chunks of some kinds, in file order; nothing if the file is not a PNG.

    Args:
      path: the file.
      kinds: chunk types of four letters.
      largest: most bytes of a body; larger chunks are skipped.
    """
    with open(path, "rb") as file:
        yield from _chunks(file, lambda kind, length: kind in kinds and length <= largest)


def chunks_of(png: bytes) -> Iterator[Chunk]:
    """Yield (kind, body) of all chunks of a PNG in memory."""
    return _chunks(io.BytesIO(png), lambda kind, length: True)


def _chunks(file, wanted):
    if file.read(len(SIGNATURE)) != SIGNATURE:
        return
    while len(header := file.read(8)) == 8:
        length, kind = struct.unpack(">L4s", header)
        if wanted(kind, length):
            yield kind, file.read(length)
            length = 0
        file.seek(length + 4, os.SEEK_CUR)
        if kind == b"IEND":
            break


def chunk(kind: bytes, body: bytes) -> bytes:
    """The bytes of a chunk: length, kind, body and CRC."""
    return struct.pack(">L", len(body)) + kind + body + struct.pack(">L", zlib_ng.crc32(body, zlib_ng.crc32(kind)))


def insert_before_pixels(file: BinaryIO, chunks: Sequence[Chunk]) -> None:
    """Add chunks to a complete PNG, directly after its header; `file` is open for reading and writing."""
    insert(file, _AFTER_HEADER, b"".join(chunk(*one) for one in chunks))


def insert_at_end(file: BinaryIO, chunks: Sequence[Chunk]) -> None:
    """Add chunks to a complete PNG, before its last chunk; `file` is open for reading and writing."""
    end = chunk(b"IEND", b"")
    file.seek(-len(end), os.SEEK_END)
    file.write(b"".join(chunk(*one) for one in chunks) + end)
