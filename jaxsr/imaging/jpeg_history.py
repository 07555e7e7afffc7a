"""Finds out from its pixels that a picture was a JPEG, and of which quality."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from jaxsr.imaging.color import GRAY_WEIGHTS, full_luma
from jaxsr.imaging.jpeg_tables import COSINES, LUMA_TABLE

_BLOCK = 8
# The cosine transform of a block as a matrix [63, 64], without the mean.
_TRANSFORM = np.kron(COSINES, COSINES)[1:].astype(np.float32)
# Decoders round luma, and then red, green and blue, to whole levels. Rounding has a variance of 1/12.
_ROUNDING = ((1 + sum(weight**2 for weight in GRAY_WEIGHTS)) / 12) ** 0.5
# The share of coefficients that fit no step: from text over the photo, for example.
_OTHERS = 0.1
# Steps of 1 and 2 are as fine as the rounding. Coefficients are counted in bins of a quarter, up to the largest step.
_SMALLEST, _LARGEST = 3, 128
_BINS = 4 * _LARGEST
_QUALITIES = np.arange(5, 99)
_SAMPLE = 512
# In nats: the least evidence for a JPEG, and the most that one frequency adds. At least five frequencies have to agree.
_PLAIN_EVIDENCE, _LIMIT = 200.0, 40.0


def step_table(quality: int) -> np.ndarray:
    """libjpeg's luma table for a quality of 1 to 100: [8, 8] steps of 1 to 255; rows are vertical frequencies."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.clip((LUMA_TABLE * percent + 50) // 100, 1, 255)


def former_quality(levels: np.ndarray) -> int | None:
    """Estimate the quality of the JPEG that a picture was, also if it was then cropped or turned by quarters.

    A decoder multiplies each cosine coefficient by a step. If its pixels are transformed again on the same grid of
    blocks, the coefficients therefore lie near multiples of the steps (Fan & de Queiroz 2003, "Identification of bitmap
    compression history: JPEG detection and quantizer estimation"; Neelamani et al. 2006, "JPEG compression history
    estimation for color images"). This function compares libjpeg's tables of all qualities on all 64 grids by their
    likelihood, in a sample of the blocks.

    Args:
      levels: [H, W, 3] or [H, W] in levels of 255.

    Returns:
      The quality, 5 to 98 on libjpeg's scale. None for pictures that never were a JPEG, that were resized or toned by
      a curve afterwards, or that had tables unlike libjpeg's; also for small images.
    """
    if min(levels.shape[:2]) < 2 * _BLOCK:
        return None
    # Clipped pixels have lost their block's coefficients.
    clipped = (levels < 0.5) | (levels > 254.5)
    luma, clipped = (full_luma(levels), clipped.any(axis=2)) if levels.ndim == 3 else (levels, clipped)
    corners = np.indices([side // _BLOCK - 1 for side in luma.shape]).reshape(2, -1) * _BLOCK
    # An odd stride does not meet the same columns in each row.
    rows, columns = corners[:, :: corners.shape[1] // _SAMPLE | 1]
    grids = [_blocks(luma, clipped, rows + row, columns + column) for row, column in np.ndindex(_BLOCK, _BLOCK)]
    # One product for all grids, here and below: BLAS divides each among threads, which wait for one another, and long
    # while a network uses all cores.
    coefficients = np.split(np.concatenate(grids) @ _TRANSFORM.T, np.cumsum([len(grid) for grid in grids])[:-1])
    counts = np.concatenate([_counts(grid) for grid in coefficients])
    by_step = (counts @ _RATIOS.T).reshape(len(grids), len(_TRANSFORM), -1)
    evidence, quality = max(map(_likeliest, by_step))
    return quality if evidence > _PLAIN_EVIDENCE else None


def _blocks(luma, clipped, rows, columns):
    """The blocks with these corners that have no clipped pixels: [N, 64]."""
    kept = ~sliding_window_view(clipped, (_BLOCK, _BLOCK))[rows, columns].any(axis=(1, 2))
    return sliding_window_view(luma, (_BLOCK, _BLOCK))[rows[kept], columns[kept]].reshape(-1, _BLOCK**2)


def _counts(coefficients):
    """How many distinct blocks have a coefficient in each bin: [63, bins], from [N, 63]."""
    bins = np.minimum(np.abs(coefficients) * (_BINS / _LARGEST) + 0.5, _BINS).astype(np.intp)
    # Drawings repeat a block many times, which is evidence only once.
    distinct = list({block.tobytes(): block for block in bins}.values())
    shifted = np.array(distinct, np.intp).reshape(-1, len(_TRANSFORM)) + (_BINS + 1) * np.arange(len(_TRANSFORM))
    counts = np.bincount(shifted.ravel(), minlength=(_BINS + 1) * len(_TRANSFORM)).reshape(-1, _BINS + 1)
    return counts[:, :_BINS].astype(np.float32)


def _likeliest(by_step):
    """The likeliest table: its log-likelihood in nats, relative to no table, and its quality; from [63, steps]."""
    # A gradient has the same coefficient everywhere, which may fit a step.
    by_table = np.minimum(by_step[np.arange(len(_TRANSFORM)), _TABLES], _LIMIT).sum(axis=1)
    best = by_table.argmax()
    return float(by_table[best]), int(_QUALITIES[best % len(_QUALITIES)])


def _log_ratios(step):
    """The log-likelihood of a coefficient in each bin, relative to coefficients without steps."""
    values = np.arange(_BINS) * (_LARGEST / _BINS)
    if not _SMALLEST <= step <= _LARGEST:
        return np.zeros_like(values)
    deviation = (values - step * np.round(values / step)) / _ROUNDING
    density = np.exp(-0.5 * deviation**2) / (_ROUNDING * (2 * np.pi) ** 0.5)
    # Coefficients near zero are no evidence, because smooth pictures have many.
    return np.where(values < step / 2, 0, np.log((1 - _OTHERS) * step * density + _OTHERS))


_RATIOS = np.stack([_log_ratios(step) for step in range(_LARGEST + 2)]).astype(np.float32)
_UPRIGHT = np.stack([step_table(quality) for quality in _QUALITIES])
# The tables as they are, and of pictures that were turned: [2 · qualities, 63], without the step of the mean.
_TABLES = np.concatenate([_UPRIGHT, _UPRIGHT.transpose(0, 2, 1)]).reshape(-1, _BLOCK**2)[:, 1:].clip(max=_LARGEST + 1)
