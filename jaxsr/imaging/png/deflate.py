"""Compresses the rows of a PNG into independent blocks of one zlib stream (RFC 1950, RFC 1951)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from zlib_ng import zlib_ng

from jaxsr.imaging.png.filters import average, paeth

Compression = Literal["fast", "balanced", "small"]
# Declares a window of 32 KiB and zlib's default level.
HEADER = b"\x78\x9c"
# Bytes that are filtered at a time: few enough that all intermediate arrays stay in a core's cache.
_CACHED = 2**17


@dataclass(frozen=True)
class _Way:
    """A PNG filter, its number in the standard, and the compression of the filtered bytes."""

    number: int
    filtered: Callable[[np.ndarray, int], np.ndarray]
    level: int
    strategy: int = zlib_ng.Z_DEFAULT_STRATEGY

    def compressed(self, rows, step, *, flush):
        height, width = len(rows) - 1, rows.shape[1]
        lines = np.empty((height, width + 1), np.uint8)
        lines[:, 0] = self.number
        together = max(1, _CACHED // width)
        for top in range(0, height, together):
            lines[top : top + together, 1:] = self.filtered(rows[top : top + together + 1], step)
        deflate = zlib_ng.compressobj(self.level, zlib_ng.DEFLATED, -15, 8, self.strategy)
        return lines, deflate.compress(lines) + deflate.flush(flush)


# Upscaled photos have few repetitions: codes for single bytes and runs are as small as a search for repetitions, in
# half the time. Very smooth pictures are the exception.
_RUNS = _Way(4, paeth, 6, zlib_ng.Z_RLE)
_WAYS = {
    "fast": (_RUNS,),
    "balanced": (_RUNS, _Way(4, paeth, 4), _Way(3, average, 3)),
    "small": (_RUNS, _Way(4, paeth, 7), _Way(3, average, 7)),
}
# A slower way is chosen if its output is smaller than this share of the output of runs alone.
_WORTH = {"balanced": 0.98, "small": 1.0}
# The ways are compared on one in this many rows.
_TRIED = 32


def compressed_rows(rows: np.ndarray, *, step: int, last: bool, compression: Compression) -> tuple[np.ndarray, bytes]:
    """Filter and compress some rows of a PNG.

    Args:
      rows: [1 + h, n] uint8, in PNG's byte order: the row above (zeros above the picture), then the h rows to compress.
      step: bytes per pixel.
      last: whether these rows end the stream.
      compression: "fast" prefers time, "small" prefers size.

    Returns:
      The filtered rows, [h, 1 + n] uint8; and these compressed, as part of a zlib stream that ends at a byte.
    """
    way = _chosen(rows, step, compression)
    return way.compressed(rows, step, flush=zlib_ng.Z_FINISH if last else zlib_ng.Z_SYNC_FLUSH)


def _chosen(rows, step, compression):
    """The way that compresses a sample from the middle of the block best."""
    fastest, *others = _WAYS[compression]
    if not others:
        return fastest
    height = len(rows) - 1
    count = -(-height // _TRIED)
    top = (height - count) // 2
    part = rows[top : top + count + 1]
    sizes = {way: len(way.compressed(part, step, flush=zlib_ng.Z_FINISH)[1]) for way in (fastest, *others)}
    best = min(others, key=sizes.__getitem__)
    return best if sizes[best] < _WORTH[compression] * sizes[fastest] else fastest
