"""Writes PNG files in strips, on all cores (PNG, third edition, section 5)."""

import struct
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

import numpy as np
import pyvips
from zlib_ng import zlib_ng

from jaxsr.imaging.metadata import written_resolution
from jaxsr.imaging.png.chunks import SIGNATURE, Chunk, chunk, chunks_of
from jaxsr.imaging.png.deflate import HEADER, Compression, compressed_rows

# Bytes of pixels in a block. Blocks are compressed independently, which makes them 0.1 % larger at this size.
_BLOCK = 2**20


def write_png(
    file: BinaryIO,
    image: pyvips.Image,
    *,
    keep: str,
    chunks: Sequence[Chunk] = (),
    compression: Compression = "balanced",
) -> None:
    """Write a PNG of 8 or 16 bits. Pixels are computed in strips, a few megabytes per core at a time.

    Args:
      file: an empty file, open for writing.
      image: gray or RGB, with or without opacity, "uchar" or "ushort", with its metadata.
      keep: libvips' flags for the metadata to write; libvips makes the chunks.
      chunks: further chunks, to write before the pixels.
      compression: "fast" takes less time than "balanced", "small" gives a smaller file.

    Raises:
      OSError: the file cannot be written.
      pyvips.Error: the pixels cannot be read.
    """
    before, after = _chunks_of_libvips(image, keep)
    file.writelines([SIGNATURE, *before, *(chunk(*one) for one in chunks)])
    for data in _pixel_data(image, compression):
        file.write(data)
    file.writelines(after)


def _chunks_of_libvips(image, keep):
    """The chunks before and after the pixels, taken from a PNG of one pixel with the same metadata and kind."""
    encoded = image.crop(0, 0, 1, 1).pngsave_buffer(keep=keep)
    before, after = [], []
    for kind, body in chunks_of(encoded):
        if kind == b"IHDR":
            body = struct.pack(">LL", image.width, image.height) + body[8:]
        if kind == b"IDAT":
            before, after = after, []
        elif kind != b"pHYs" or written_resolution(image) is not None:
            after.append(chunk(kind, body))
    return before, after


def _pixel_data(image, compression):
    """IDAT chunks, in order."""
    pixel = image.bands * (2 if image.format == "ushort" else 1)
    together = max(1, _BLOCK // (pixel * image.width))

    def lines_and_chunk(top):
        bottom = min(top + together, image.height)
        rows, last = _rows(image, top, bottom), bottom == image.height
        lines, data = compressed_rows(rows, step=pixel, last=last, compression=compression)
        return lines, chunk(b"IDAT", data)

    adler = 1
    yield chunk(b"IDAT", HEADER)
    for lines, data in _in_order(lines_and_chunk, range(0, image.height, together)):
        adler = zlib_ng.adler32(lines, adler)
        yield data
    yield chunk(b"IDAT", struct.pack(">L", adler))


def _rows(image, top, bottom):
    """[1 + bottom − top, n] uint8: the row above, then the rows in PNG's byte order."""
    above = min(top, 1)
    part = image.crop(0, top - above, image.width, bottom - top + above)
    pixels = np.frombuffer(part.write_to_memory(), np.uint16 if image.format == "ushort" else np.uint8)
    if pixels.dtype == np.uint16:
        pixels = pixels.astype(">u2").view(np.uint8)
    pixels = pixels.reshape(bottom - top + above, -1)
    return pixels if above else np.pad(pixels, ((1, 0), (0, 0)))


def _in_order(function, items):
    """Yield results in order, from as many threads as libvips uses; they run ahead by twice as many items."""
    # The stubs of pyvips do not export it.
    threads = pyvips.concurrency_get()  # ty: ignore[missing-attribute]
    with ThreadPoolExecutor(max_workers=threads) as pool:
        waiting = deque()
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
