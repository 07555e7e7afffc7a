"""Tiles of networks that unshuffle their input: what is divided are squares of pixels, its cells, and not pixels.

A tile that began within a square would be unshuffled differently from the whole. Images whose sides are no multiples of
a cell's are mirrored to the next one at the bottom and on the right, and the result is cut, as Real-ESRGAN does.
"""

from collections.abc import Callable, Iterator

import jax
import numpy as np

from jaxsr.imaging.strips import Rows
from jaxsr.upscaling.tiling import Apply, check_tile, upscale_strips


def upscale_cell_strips(
    apply: Apply,
    rows: Rows,
    *,
    size: tuple[int, int],
    scale: int,
    halo: int,
    tile: int,
    cell: int,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[np.ndarray]:
    """`upscale_strips` of a network that unshuffles.

    Args:
      apply: as there, of tiles [h, w, cell, cell, …]; what is kept of them counts cells, and is upscaled to
        [h kept · cell · scale, …]. With cells of one pixel it is that of `upscale_strips`.
      rows: of the image, see there.
      size: of the image in pixels.
      scale: output pixels per input pixel.
      halo: input pixels.
      tile: largest side of a tile in input pixels.
      cell: side of a cell in pixels.
      progress: see there.

    Yields:
      As there.

    Raises:
      InputError: see there.
    """
    check_tile(tile, halo=halo)
    if cell == 1:
        yield from upscale_strips(apply, rows, size=size, scale=scale, halo=halo, tile=tile, progress=progress)
        return
    height, width = (-(-side // cell) for side in size)

    def cell_rows(top, bottom):
        part = rows(top * cell, min(bottom * cell, size[0]))
        margins = [(0, bottom - top), (0, width)]
        margins = [(0, count * cell - side) for (_, count), side in zip(margins, part.shape[:2], strict=True)]
        part = np.pad(part, [*margins, *[(0, 0)] * (part.ndim - 2)], mode="reflect")
        return part.reshape(bottom - top, cell, width, cell, *part.shape[2:]).swapaxes(1, 2)

    missing = size[0] * scale
    options = {"size": (height, width), "halo": -(-halo // cell), "tile": max(tile // cell, 2 * -(-halo // cell) + 1)}
    for strip in upscale_strips(apply, cell_rows, scale=scale * cell, progress=progress, **options):
        yield strip[:missing, : size[1] * scale]
        missing -= len(strip)


def pixels(cells: jax.Array, *, cell: int) -> jax.Array:
    """[h, w, cell, cell, …] as [h·cell, w·cell, …]; with cells of one pixel what is given."""
    if cell == 1:
        return cells
    height, width = cells.shape[:2]
    return cells.swapaxes(1, 2).reshape(height * cell, width * cell, *cells.shape[4:])
