"""Upscaling in tiles of one shape, equal to upscaling the whole image at once.

Two things make it equal. Of each tile only the pixels at least a halo away from the tile's sides are kept, and where a
tile reaches the image's edge, that is the tile's own edge too, so that the network pads with zeros in the same place.
Hence the last tile of a row lies flush with the edge and overlaps its neighbour more than the others do.

The result comes in strips from top to bottom, one for each row of tiles, so that memory does not grow with the image.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import jax
import numpy as np

from jaxsr.errors import InputError

# LR pixels between the sides of tiles that may be compiled.
_STEP = 32


@dataclass(frozen=True)
class Tile:
    """A part of the image that is computed at once, and the part of it that is kept; slices of LR rows and columns."""

    rows: slice
    columns: slice
    kept_rows: slice
    kept_columns: slice

    @property
    def kept(self) -> tuple[slice, slice]:
        """What is kept, as slices of the tile itself."""
        return moved(self.kept_rows, self.rows.start), moved(self.kept_columns, self.columns.start)


# From a tile [h, w, …] and what is kept of it, to that part upscaled, [h kept · scale, w kept · scale, …].
Apply = Callable[[np.ndarray, tuple[slice, slice]], np.ndarray]


def cropped(network: Callable[[np.ndarray], np.ndarray], *, scale: int) -> Apply:
    """A network, [h, w, …] to [h·scale, w·scale, …], of whose result a part is kept."""
    return lambda image, kept: np.asarray(network(image))[tuple(scaled(span, scale) for span in kept)]


def plan_tiles(height: int, width: int, *, tile: int | tuple[int, int], halo: int, top: int = 0) -> list[list[Tile]]:
    """Rows of tiles whose kept parts cover the image from row `top` on, each pixel once.

    Args:
      height: rows of the image, at least 1.
      width: columns of the image, at least 1.
      tile: side of a tile, or (height, width), halo included; an image that is no larger along an axis is not divided
        along it.
      halo: pixels at a tile's inner sides that are not kept.
      top: first row that is still missing.

    Returns:
      All tiles, of the same shape, from left to right in rows from top to bottom.

    Raises:
      InputError: nothing is left of a tile between its halos.
    """
    tall, wide = (tile, tile) if isinstance(tile, int) else tile
    columns = list(_spans(width, wide, halo))
    return [
        [Tile(row, column, kept_row, kept_column) for column, kept_column in columns]
        for row, kept_row in _spans(height, tall, halo, first=top)
    ]


def check_tile(tile: int, *, halo: int) -> None:
    """Raise `InputError` if nothing is left of a tile of this side between its halos."""
    if tile <= 2 * halo:
        raise InputError(f"a tile of {tile} pixels is too small for this network: take at least {2 * halo + 1}")


def _spans(length, tile, halo, first=0):
    """(whole, kept) of the tiles along one axis, from sample `first` on."""
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
    rows: Callable[[int, int], np.ndarray],
    *,
    size: tuple[int, int],
    scale: int,
    halo: int,
    tile: int,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[np.ndarray]:
    """Upscale an image tile by tile, and give it in strips from top to bottom.

    When memory runs out, the tiles are halved and the work goes on with the strip that was begun.

    Args:
      apply: the network, see `cropped`; called with one shape of tile only.
      rows: `rows(top, bottom)` gives these rows of the image, [bottom − top, W, …].
      size: (height, width) of the image.
      scale: output pixels per input pixel on both axes.
      halo: input pixels on each side that an output pixel of `apply` can depend on.
      tile: largest side of a tile in input pixels, halo included; an image of no more pixels than such a square is one
        tile.
      progress: called after each tile with the number of tiles done and of all tiles.

    Yields:
      [h, W·scale, …] of the dtype that `apply` returns, in host memory; H·scale rows in all.

    Raises:
      InputError: nothing is left of a tile between its halos, or memory runs out for the smallest tile.
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
    """Sides of a tile that do the same number of tiles with less overlap, in steps so that few shapes are compiled."""
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
    # XLA has one class for all that goes wrong at run time.
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


def upscale_tiled(
    network: Callable[[np.ndarray], np.ndarray], image: np.ndarray, *, scale: int, **options
) -> np.ndarray:
    """The whole of `upscale_strips` of an image [H, W, …]: [H·scale, W·scale, …]; options as there."""
    apply = cropped(network, scale=scale)
    strips = upscale_strips(apply, lambda top, bottom: image[top:bottom], size=image.shape[:2], scale=scale, **options)
    return joined(strips, image.shape[0] * scale)


def joined(strips: Iterator[np.ndarray], height: int) -> np.ndarray:
    """Strips under one another, [height, W, …], without a second copy of them all."""
    output, row = None, 0
    for strip in strips:
        if output is None:
            output = np.empty((height, *strip.shape[1:]), strip.dtype)
        output[row : row + len(strip)] = strip
        row += len(strip)
    return output


def scaled(span: slice, scale: int) -> slice:
    """LR rows or columns as those of the result."""
    return slice(span.start * scale, span.stop * scale)


def moved(span: slice, origin: int) -> slice:
    """Rows or columns as counted from the origin."""
    return slice(span.start - origin, span.stop - origin)
