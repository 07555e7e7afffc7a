"""Tiles for networks that unshuffle their input: images are divided at the borders of cells, squares of pixels.

A tile that began within a cell would be unshuffled differently from the whole image. An image whose sides are not
multiples of the cell is extended to the next multiple by mirroring, at the bottom and on the right. The result is then
cropped, as in Real-ESRGAN.
"""

from collections.abc import Iterator

import jax
import numpy as np

from jaxsr.imaging.strips import Rows
from jaxsr.upscaling.tiling import Apply, Progress, upscale_strips


def upscale_cell_strips(
    apply: Apply,
    rows: Rows,
    *,
    size: tuple[int, int],
    scale: int,
    halo: int,
    tile: int,
    cell: int,
    progress: Progress | None = None,
) -> Iterator[np.ndarray]:
    """`upscale_strips` for a network that unshuffles its input, with all sizes in pixels.

    `apply` is the network on tiles [h, w, cell, cell, …] of cells. The kept part is given in cells, and the result is
    [h kept · cell · scale, …]. With cells of one pixel, `apply` is as for `upscale_strips`. With larger cells, a tile
    that is too small is enlarged.
    """
    if cell == 1:
        yield from upscale_strips(apply, rows, size=size, scale=scale, halo=halo, tile=tile, progress=progress)
        return
    height, width = (-(-side // cell) for side in size)

    def cell_rows(top, bottom):
        part = rows(top * cell, min(bottom * cell, size[0]))
        full = (bottom - top) * cell, width * cell
        margins = [(0, side - given) for side, given in zip(full, part.shape[:2], strict=True)]
        part = np.pad(part, [*margins, *[(0, 0)] * (part.ndim - 2)], mode="reflect")
        return part.reshape(bottom - top, cell, width, cell, *part.shape[2:]).swapaxes(1, 2)

    missing = size[0] * scale
    options = {"size": (height, width), "halo": -(-halo // cell), "tile": max(tile // cell, 2 * -(-halo // cell) + 1)}
    for strip in upscale_strips(apply, cell_rows, scale=scale * cell, progress=progress, **options):
        yield strip[:missing, : size[1] * scale]
        missing -= len(strip)


def pixels(cells: jax.Array, *, cell: int) -> jax.Array:
    """Join cells [h, w, cell, cell, …] to pixels [h·cell, w·cell, …]; with `cell` 1 the argument is returned."""
    if cell == 1:
        return cells
    height, width = cells.shape[:2]
    return cells.swapaxes(1, 2).reshape(height * cell, width * cell, *cells.shape[4:])
