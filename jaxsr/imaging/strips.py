"""`imresize` a few rows at a time, for images that are too large for memory; equal to `resize_uint8`."""

from collections.abc import Callable, Iterator

import numpy as np

from jaxsr.imaging.resize import Kernel, resize_taps, to_uint8

Rows = Callable[[int, int], np.ndarray]

# Rows of the result that are computed at once; they take a few megabytes in double precision.
_TOGETHER = 64


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
    down, across = (_sparse(length, target, kernel) for length, target in zip(size, to, strict=True))
    first, last = _reach(down)
    for top in range(0, to[0], _TOGETHER):
        bottom = min(top + _TOGETHER, to[0])
        start, stop = first[top], last[bottom - 1]
        part = rows(start, stop)
        finish = to_uint8 if part.dtype == np.uint8 else _as_it_is
        tall = finish(_along_first(down[top:bottom, start:stop], part))
        yield finish(_along_first(across, tall.swapaxes(0, 1)).swapaxes(0, 1)).astype(
            np.uint8 if part.dtype == np.uint8 else np.float32
        )


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


def _sparse(length, target, kernel):
    # Imported here because SciPy takes a third of a second to load, and a network's own scale does not need it.
    from scipy.sparse import csr_array

    source, weights = resize_taps(length, target / length, kernel=kernel)
    index = np.arange(0, weights.size + 1, weights.shape[1])
    matrix = csr_array((weights.ravel(), source.ravel(), index), shape=(target, length))
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix


def _reach(matrix):
    """For each row of the result, the first input row that is still needed, and the end of those needed so far."""
    ends = matrix.indptr
    lowest = np.minimum.reduceat(matrix.indices, ends[:-1])
    highest = np.maximum.reduceat(matrix.indices, ends[:-1]) + 1
    return np.minimum.accumulate(lowest[::-1])[::-1], np.maximum.accumulate(highest)


def _along_first(matrix, image):
    flat = matrix @ image.reshape(len(image), -1).astype(np.float64)
    return flat.reshape(matrix.shape[0], *image.shape[1:])


def _as_it_is(image):
    return image
