"""Upscales an image in tiles of one shape; the result equals that of the whole image.

Two things make it equal. Only the pixels that are at least a halo away from a tile's inner sides are kept. And where a
tile reaches the image's edge, that is the tile's own edge too, so the network pads with zeros in the same place. The
last tile of a row therefore lies flush with the edge, and overlaps its neighbour more than the others do.

The result is yielded in strips from top to bottom, one per row of tiles, so that memory does not grow with the image.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import jax
import numpy as np

from jaxsr.errors import InputError
from jaxsr.imaging.strips import Rows

# Called with the number of tiles done and of all tiles.
Progress = Callable[[int, int], None]
# From the rows of an image, its (height, width), that of the result, and a callback, to the result in strips from top
# to bottom.
Strips = Callable[[Rows, tuple[int, int], tuple[int, int], Progress | None], Iterator[np.ndarray]]

# Sides of tiles are multiples of this many LR pixels, so that few shapes are compiled.
_STEP = 32


@dataclass(frozen=True)
class Tile:
    """A part of the image that is computed at once, and the part of it that is kept.

    Attributes:
      rows: LR rows of the tile.
      columns: LR columns of the tile.
      kept_rows: LR rows that are kept, counted in the image.
      kept_columns: LR columns that are kept, counted in the image.
    """

    rows: slice
    columns: slice
    kept_rows: slice
    kept_columns: slice

    @property
    def kept(self) -> tuple[slice, slice]:
        """The kept rows and columns, counted in the tile."""
        return moved(self.kept_rows, self.rows.start), moved(self.kept_columns, self.columns.start)


# From a tile [h, w, …] and its kept part to that part upscaled, [h kept · scale, w kept · scale, …].
Apply = Callable[[np.ndarray, tuple[slice, slice]], np.ndarray]


def cropped(network: Callable[[np.ndarray], np.ndarray], *, scale: int) -> Apply:
    """An `Apply` that runs a network, [h, w, …] to [h·scale, w·scale, …], and crops its result to the kept part."""
    return lambda image, kept: np.asarray(network(image))[tuple(scaled(span, scale) for span in kept)]


def plan_tiles(height: int, width: int, *, tile: int | tuple[int, int], halo: int, top: int = 0) -> list[list[Tile]]:
    """Plan rows of tiles whose kept parts cover the image from row `top` on, each pixel once.

    Args:
      height: rows of the image, at least 1.
      width: columns of the image, at least 1.
      tile: side of a tile, or (height, width), halo included. An axis along which the image is not larger than a tile
        is not divided.
      halo: pixels at a tile's inner sides that are not kept.
      top: the first row that is still missing.

    Returns:
      Tiles of the same shape, from left to right in rows from top to bottom.

    Raises:
      InputError: a tile has no pixels between its halos.
    """
    tall, wide = (tile, tile) if isinstance(tile, int) else tile
    columns = list(_spans(width, wide, halo))
    return [
        [Tile(row, column, kept_row, kept_column) for column, kept_column in columns]
        for row, kept_row in _spans(height, tall, halo, first=top)
    ]


def check_tile(tile: int, *, halo: int) -> None:
    """Raise `InputError` if a tile of this side has no pixels between its halos."""
    if tile <= 2 * halo:
        raise InputError(f"a tile of {tile} pixels is too small for this network: take at least {2 * halo + 1}")


def _spans(length, tile, halo, first=0):
    """Yield (whole, kept) of the tiles along one axis, from sample `first` on."""
    if length > tile:
        check_tile(tile, halo=halo)
    while first < length:
        start = max(min(first - halo, length - tile), 0)
        end = min(start + tile, length)
        last = end if end == length else end - halo
        yield slice(start, end), slice(first, last)
        first = last


def upscale_strips(
    apply: Apply,
    rows: Rows,
    *,
    size: tuple[int, int],
    scale: int,
    halo: int,
    tile: int,
    progress: Progress | None = None,
) -> Iterator[np.ndarray]:
    """Upscale an image tile by tile, in strips from top to bottom.

    If memory runs out, the tiles are halved, and the work continues with the strip that was begun.

    Args:
      apply: the network, see `cropped`; called with tiles of one shape, unless memory runs out.
      rows: `rows(top, bottom)` returns these rows of the image, [bottom − top, W, …].
      size: (height, width) of the image.
      scale: output pixels per input pixel on both axes.
      halo: input pixels on each side that an output pixel of `apply` can depend on.
      tile: largest side of a tile in input pixels, halo included. An image with no more pixels than such a square is
        one tile.
      progress: called after each tile with the number of tiles done and of all tiles.

    Yields:
      [h, W·scale, …] of the dtype that `apply` returns, in host memory; H·scale rows in all.

    Raises:
      InputError: a tile has no pixels between its halos, or memory runs out with the smallest tile.
    """
    height, width = size
    done, top = 0, 0
    plan = partial(plan_tiles, height, width, halo=halo)
    lines = plan(tile=_even(size, tile, halo))
    while lines:
        line, *rest = lines
        try:
            strip = _upscaled(apply, rows, line, scale=scale, width=width, told=_counted(progress, done, lines))
        except (MemoryError, jax.errors.JaxRuntimeError) as error:
            tile = _halved(tile, halo, error)
            lines = plan(tile=_even(size, tile, halo), top=top)
            continue
        yield strip
        done, top, lines = done + len(line), line[0].kept_rows.stop, rest


def _even(size, tile, halo):
    """Smaller sides of a tile that give as many tiles with less overlap, in steps so that few shapes are compiled."""
    if size[0] * size[1] <= tile**2:
        return size
    sides = []
    for length in size:
        count = max(1, -(-(length - 2 * halo) // max(1, tile - 2 * halo)))
        needed = -(-(length - 2 * halo) // count) + 2 * halo
        sides.append(min(tile, -(-needed // _STEP) * _STEP))
    return tuple(sides)


def _upscaled(apply, rows, line, *, scale, width, told):
    """The kept parts of one row of tiles, side by side."""
    part = rows(line[0].rows.start, line[0].rows.stop)
    strip = None
    for count, tile in enumerate(line, start=1):
        inside = apply(part[:, tile.columns], tile.kept)
        if strip is None:
            strip = np.empty((inside.shape[0], width * scale, *inside.shape[2:]), inside.dtype)
        strip[:, scaled(tile.kept_columns, scale)] = inside
        told(count)
    return strip


def _counted(progress, done, lines):
    total = done + sum(map(len, lines))
    return lambda count: progress(done + count, total) if progress is not None else None


def _halved(tile, halo, error):
    # XLA raises one class for all errors at run time.
    if not isinstance(error, MemoryError) and "RESOURCE_EXHAUSTED" not in str(error):
        raise error
    # With less than half a halo kept, the same pixels would be computed more than 25 times.
    smallest = 2 * halo + max(1, halo // 2)
    if tile <= smallest:
        raise InputError(
            f"memory ran out at a tile of {tile} pixels, too small to be divided for this network; close other "
            "programs or take a smaller network"
        ) from error
    return max(tile // 2, smallest)


def joined(strips: Iterator[np.ndarray], height: int) -> np.ndarray:
    """Join strips, one or more, to an array [height, W, …], without a second copy of them all."""
    first = next(strips)
    output, row = np.empty((height, *first.shape[1:]), first.dtype), 0
    for strip in itertools.chain([first], strips):
        output[row : row + len(strip)] = strip
        row += len(strip)
    return output


def scaled(span: slice, scale: int) -> slice:
    """LR rows or columns, converted to those of the result."""
    return slice(span.start * scale, span.stop * scale)


def moved(span: slice, origin: int) -> slice:
    """Rows or columns, counted from the origin."""
    return slice(span.start - origin, span.stop - origin)
