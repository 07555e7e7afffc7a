"""PNG's filters: each byte minus a prediction from its neighbours (PNG, third edition, section 9)."""

import numpy as np


def average(rows: np.ndarray, step: int) -> np.ndarray:
    """Subtract the mean of the bytes to the left and above, rounded down.

    Args:
      rows: [1 + h, n] uint8: the row above (zeros above the picture), then the h rows to filter.
      step: bytes per pixel.

    Returns:
      [h, n] uint8, differences modulo 256.
    """
    pixels, left, above, _ = _neighbours(rows, step)
    # (left + above) // 2 within 8 bits.
    mean = (left ^ above) >> 1
    mean += left & above
    return np.subtract(pixels, mean, out=mean)


def paeth(rows: np.ndarray, step: int) -> np.ndarray:
    """Subtract Paeth's predictor: of left, above and corner (above left), the byte nearest to left + above − corner.

    All is computed in 8 bits. The distance from left to the sum is |above − corner|, and from above |left − corner|. A
    corner outside the range of left and above selects the one farther from it, as if it lay at the near end of that
    range.

    Args and returns as for `average`.
    """
    pixels, left, above, corner = _neighbours(rows, step)
    low, high = np.minimum(left, above), np.maximum(left, above)
    corner = np.minimum(np.maximum(corner, low), high)
    of_high, of_low = corner - low, high - corner
    low_is_nearer = _mask(of_low < of_high)
    near = np.minimum(of_low, of_high)
    of_corner = np.maximum(of_low, of_high, out=of_high)
    of_corner -= near
    corner_is_nearest = _mask(of_corner < near)
    chosen = _select(low_is_nearer, low, high)
    chosen = _select(corner_is_nearest, corner, chosen)
    return np.subtract(pixels, chosen, out=chosen)


def _neighbours(rows, step):
    padded = np.pad(rows, ((0, 0), (step, 0)))
    return padded[1:, step:], padded[1:, :-step], padded[:-1, step:], padded[:-1, :-step]


def _mask(condition):
    return np.negative(condition.view(np.uint8))


def _select(mask, chosen, other):
    """`np.where` without branches, ten times as fast on bytes."""
    difference = chosen ^ other
    difference &= mask
    difference ^= other
    return difference
