"""`imresize` a few rows at a time, for images that are too large for memory; equal to `resize_uint8`."""

import math
from collections.abc import Callable, Iterator

import numpy as np

from jaxsr.imaging.resize import Kernel, resize_reach, resize_taps, to_uint8

Rows = Callable[[int, int], np.ndarray]

# Rows of the result that are computed at once. A narrow image gets more, since each request for rows has a fixed cost;
# a wide one gets fewer.
_ROWS = 64
_NARROW_SAMPLES = 2**16
_WIDE_SAMPLES = 2**22

# Taps of the columns that are computed at once. They take a few megabytes while they are made.
_TAPS = 2**17


def resize_strips(
    rows: Rows, size: tuple[int, int], to: tuple[int, int], *, kernel: Kernel = "bicubic"
) -> Iterator[np.ndarray]:
    """`imresize` from one size to another, in strips from top to bottom.

    Args:
      rows: `rows(top, bottom)` returns these rows, [bottom − top, W] or [bottom − top, W, C], uint8 or floating. Over
        the calls, neither end decreases.
      size: (height, width) of the image.
      to: (height, width) of the result; the two axes may have different scales.
      kernel: interpolation kernel; antialiased where it shrinks.

    Yields:
      [h, to[1]] or [h, to[1], C], to[0] rows in all. uint8 for uint8, rounded after each axis as in MATLAB; else
      float32, neither rounded nor clipped.
    """
    scales = [target / length for length, target in zip(size, to, strict=True)]
    together = _rows_together(size, to)
    across = _blocks(size[1], scales[1], to[1], kernel)
    if together < to[0]:
        # Kept for the next strips, in about 50 bytes per column of an enlarged result.
        across = list(across)
    for top in range(0, to[0], together):
        span = (top, min(top + together, to[0]))
        start, stop = resize_reach(size[0], scales[0], span, kernel=kernel)
        part = rows(start, stop)
        down = _sparse(size[0], scales[0], span, kernel)[:, start:stop]
        finish = to_uint8 if part.dtype == np.uint8 else np.asarray
        strip = np.empty((span[1] - top, to[1], *part.shape[2:]), np.uint8 if part.dtype == np.uint8 else np.float32)
        for (left, right), (first, last), matrix in across:
            tall = finish(_along_first(down, part[:, first:last]))
            strip[:, left:right] = finish(_along_first(matrix, tall.swapaxes(0, 1)).swapaxes(0, 1))
        yield strip


def sliding(strips: Iterator[np.ndarray]) -> Rows:
    """Access to the rows of an image that arrives in strips. Requests must not go back: earlier rows are dropped."""
    held, above = None, 0

    def rows(top, bottom):
        nonlocal held, above
        if held is None:
            held = next(strips)
        parts = [held[min(max(top - above, 0), len(held)) :]]
        above += len(held) - len(parts[0])
        reached = above + len(parts[0])
        while reached < bottom:
            strip = next(strips)
            reached += len(strip)
            parts.append(strip)
        held = np.concatenate(parts) if len(parts) > 1 else parts[0]
        return held[top - above : bottom - above]

    return rows


def _rows_together(size, to):
    # Of the input or the result, whichever is larger.
    per_row = math.ceil(max(size[1], to[1]) * max(size[0] / to[0], 1))
    return max(1, min(_WIDE_SAMPLES // per_row, max(_ROWS, _NARROW_SAMPLES // per_row)))


def _blocks(length, scale, target, kernel):
    """Yield spans of output samples, the spans of input samples that they read, and the matrices between them."""
    taps = resize_taps(length, scale, kernel=kernel, part=(0, 1))[0].size
    together = max(1, _TAPS // taps)
    for start in range(0, target, together):
        span = (start, min(start + together, target))
        matrix = _sparse(length, scale, span, kernel)
        first, last = int(matrix.indices.min()), int(matrix.indices.max()) + 1
        matrix = matrix[:, first:last]
        # A wide image's matrices are what takes the most memory, and indices within a part are small.
        matrix.indices, matrix.indptr = matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32)
        yield span, (first, last), matrix


def _sparse(length, scale, span, kernel):
    # Imported here because SciPy takes a third of a second to load, and a network's own scale does not need it.
    from scipy.sparse import csr_array

    source, weights = resize_taps(length, scale, kernel=kernel, part=span)
    index = np.arange(0, weights.size + 1, weights.shape[1])
    matrix = csr_array((weights.ravel(), source.ravel(), index), shape=(span[1] - span[0], length))
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix


def _along_first(matrix, image):
    flat = matrix @ image.reshape(len(image), -1).astype(np.float64)
    return flat.reshape(matrix.shape[0], *image.shape[1:])
