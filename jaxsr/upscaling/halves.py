"""Runs a network in two halves, on tiles of two sizes.

The first half works on LR pixels: it has a wide halo and needs little memory per pixel. The second half enlarges: it
has a narrow halo and needs several times the memory. So features are computed in large tiles, of which the halo is a
small part. They are enlarged in small pieces, and only where they are kept.
"""

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from jaxsr.upscaling.tiling import Apply, moved, plan_tiles, scaled

# From the top row, left column and (height, width) of a window of the features to its result, [height·scale,
# width·scale, …]. For an image that is divided along both axes, all calls have the same size.
Upsample = Callable[[int, int, tuple[int, int]], np.ndarray]


def in_halves(
    extract: Callable[[np.ndarray], Upsample],
    *,
    scale: int,
    halo: int,
    upsampling_halo: int,
    piece: int,
) -> Apply:
    """An `Apply` that runs a network in two halves.

    Args:
      extract: the first half, from a tile [h, w, …] to the second half for its features, see `Upsample`.
      scale: output pixels per input pixel on both axes.
      halo: LR pixels on each side that an output pixel can depend on.
      upsampling_halo: feature pixels on each side that an output pixel can depend on in the second half.
      piece: largest side of a piece in LR pixels, without its halos.
    """
    window = partial(_window, full_halo=halo, halo=upsampling_halo, piece=piece)

    def apply(image, kept):
        upsample = extract(image)
        (rows, height), (columns, width) = map(window, kept, image.shape[:2])

        def enlarged(tile):
            part = upsample(rows.start + tile.rows.start, columns.start + tile.columns.start, (height, width))
            return np.asarray(part)[tuple(scaled(span, scale) for span in tile.kept)]

        size = (rows.stop - rows.start, columns.stop - columns.start)
        lines = plan_tiles(*size, tile=(height, width), halo=upsampling_halo)
        whole = np.concatenate([np.concatenate([enlarged(tile) for tile in line], axis=1) for line in lines])
        return whole[scaled(moved(kept[0], rows.start), scale), scaled(moved(kept[1], columns.start), scale)]

    return apply


def _window(kept, length, *, full_halo, halo, piece):
    """The features to enlarge along one axis of a tile, and the side of the pieces for that."""
    # The kept part of a tile in the middle of the image, or the whole of an image that is not divided.
    shared = length - 2 * (halo if kept == slice(0, length) else full_halo)
    side = min(math.ceil(shared / math.ceil(max(shared, 1) / piece)) + 2 * halo, length)
    start, stop = max(kept.start - halo, 0), min(kept.stop + halo, length)
    # A window smaller than a piece would be another shape to compile.
    start = max(min(start, stop - side), 0)
    return slice(start, max(stop, start + side)), side
