"""Upscaling in tiles of one shape, equal to upscaling the whole image at once.

Two things make it equal. Of each tile only the pixels at least a halo away from the tile's sides are kept, and where a
tile reaches the image's edge, that is the tile's own edge too, so that the network pads with zeros in the same place.
Hence the last tile of a row lies flush with the edge and overlaps its neighbour more than the others do.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from jaxsr.errors import InputError


@dataclass(frozen=True)
class Tile:
    """A part of the image that is computed at once, and the part of it that is kept; slices of LR rows and columns."""

    rows: slice
    columns: slice
    kept_rows: slice
    kept_columns: slice


def plan_tiles(height: int, width: int, *, tile: int, halo: int) -> list[Tile]:
    """Tiles whose kept parts cover the image, each pixel once.

    Args:
      height: rows of the image, at least 1.
      width: columns of the image, at least 1.
      tile: side of a tile, halo included; an image that is smaller along an axis is not divided along it.
      halo: pixels at a tile's inner sides that are not kept.

    Returns:
      The tiles, row by row, all of the same shape.

    Raises:
      InputError: nothing is left of a tile between its halos.
    """
    check_tile(tile, halo=halo)
    rows = _spans(height, tile, halo)
    columns = _spans(width, tile, halo)
    return [Tile(row, column, kept_row, kept_column) for row, kept_row in rows for column, kept_column in columns]


def check_tile(tile: int, *, halo: int) -> None:
    """Raise `InputError` if nothing is left of a tile of this side between its halos."""
    if tile <= 2 * halo:
        raise InputError(f"a tile of {tile} pixels is too small for this network: take at least {2 * halo + 1}")


def _spans(length, tile, halo):
    """(whole, kept) of the tiles along one axis."""
    if length <= tile:
        return [(slice(0, length), slice(0, length))]
    count = math.ceil((length - 2 * halo) / (tile - 2 * halo))
    starts = [min(i * (tile - 2 * halo), length - tile) for i in range(count)]
    ends = [start + tile - halo for start in starts[:-1]] + [length]
    kept = map(slice, [0, *ends[:-1]], ends)
    return [(slice(start, start + tile), keep) for start, keep in zip(starts, kept, strict=True)]


def upscale_tiled(
    apply: Callable[[np.ndarray], np.ndarray],
    image: np.ndarray,
    *,
    scale: int,
    halo: int,
    tile: int,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Upscale an image tile by tile.

    Args:
      apply: the network, [h, w, …] to [h·scale, w·scale, …] of any dtype; called with one shape only.
      image: [H, W, …].
      scale: output pixels per input pixel on both axes.
      halo: input pixels on each side that an output pixel of `apply` can depend on.
      tile: side of a tile in input pixels, halo included.
      progress: called after each tile with the number of tiles done and of all tiles.

    Returns:
      [H·scale, W·scale, …] of the dtype that `apply` returns, in host memory.

    Raises:
      InputError: nothing is left of a tile between its halos.
    """
    height, width = image.shape[:2]
    tiles = plan_tiles(height, width, tile=tile, halo=halo)
    for done, part in enumerate(tiles, start=1):
        upscaled = np.asarray(apply(image[part.rows, part.columns]))
        if done == 1:
            output = np.empty((height * scale, width * scale, *upscaled.shape[2:]), upscaled.dtype)
        row, column = part.rows.start, part.columns.start
        inside = upscaled[_scaled(part.kept_rows, scale, row), _scaled(part.kept_columns, scale, column)]
        output[_scaled(part.kept_rows, scale), _scaled(part.kept_columns, scale)] = inside
        if progress is not None:
            progress(done, len(tiles))
    return output


def _scaled(span, scale, origin=0):
    return slice((span.start - origin) * scale, (span.stop - origin) * scale)
