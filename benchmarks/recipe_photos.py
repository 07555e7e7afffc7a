"""Large photos reduced to other sizes, for `recipes.py` and `gpu.sh`.

    python benchmarks/recipe_photos.py FOLDER… --into FOLDER [--scales 0.75 0.5 0.35]

Each photo that is large enough gives one picture for each scale.
"""

import math
import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import tyro
from tyro.conf import Positional

from jaxsr.errors import InputError, reported
from jaxsr.imaging.folders import find_photos
from jaxsr.imaging.photo import photo_size, read_photo, save_image
from jaxsr.imaging.resize import resize_uint8

LARGE = 500
# The training leaves out a photo that looks like another one of the same shape, at any size. So each scale has a shape
# of its own: this part of the longer side is cut off, twice as much at the second scale, and so on.
CUT = 0.05


def write_reduced(folders: Sequence[str], scales: Sequence[float], into: Path) -> Path:
    """Reduce the photos whose shorter side has at least `LARGE` pixels, by MATLAB's bicubic, in one process per core.

    Args:
      folders: folders of photos.
      scales: each gives a picture of each photo.
      into: folder for the pictures. Those that are there already are not made again.

    Returns:
      `into`.

    Raises:
      InputError: no photo is as large.
    """
    paths = [path for folder in folders for path in find_photos(Path(folder)) if min(photo_size(path)) >= LARGE]
    if not paths:
        raise InputError(f"{', '.join(folders)}: no photo has {LARGE} pixels on its shorter side, to be reduced")
    work = [(number, path) for number, path in enumerate(paths) if len(_missing(into, number, path, scales))]
    # JAX's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
        list(pool.map(partial(_reduce, scales=scales, into=into), work))
    return into


def _missing(into, number, source, scales):
    named = {scale: into / f"{number:04d}_{source.stem}_{scale:g}.png" for scale in scales}
    return {scale: path for scale, path in named.items() if not path.is_file()}


def _reduce(work, *, scales, into):
    number, source = work
    photo = read_photo(source)
    for scale, path in _missing(into, number, source, scales).items():
        kept = 1 - CUT * (1 + list(scales).index(scale))
        height, width = photo.shape[:2]
        height, width = (math.floor(height * kept), width) if height > width else (height, math.floor(width * kept))
        save_image(path, resize_uint8(photo[:height, :width], scale))


def main(folders: Positional[tuple[str, ...]], *, into: Path, scales: tuple[float, ...] = (0.75, 0.5, 0.35)) -> None:
    """Write the photos of folders at other sizes.

    Args:
      folders: Folders of photos.
      into: Folder for the pictures. Those that are there already are not made again.
      scales: Each gives a picture of each photo.
    """
    print(write_reduced(folders, scales, into))


if __name__ == "__main__":
    with reported():
        tyro.cli(main)
