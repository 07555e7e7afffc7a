"""LR files for photos to train on: a pair each, or a row of the table that says what does not match."""

import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from jaxsr.data.inspection import Inspection, Problem
from jaxsr.data.pairing import counterparts, files_by_name, size_of
from jaxsr.data.sources import Photo, Source
from jaxsr.errors import InputError


def with_low(found: Inspection, data: Sequence[str], low: Sequence[str], *, scale: int) -> Inspection:
    """An inspection whose usable photos have LR files, paired by relative paths without suffixes.

    Args:
      found: of the photos.
      data: the folders that they are in.
      low: for each of them the folder of LR files.
      scale: HR pixels per LR pixel; HR may have up to scale − 1 rows and columns more than LR has pixels for.

    Raises:
      InputError: one of `data` is no folder, or one of `low` cannot be read.
    """
    rows, usable = list(found.rows), []
    left = list(found.usable.photos)
    for folder, low_folder in zip(map(Path, data), low, strict=True):
        if not folder.is_dir():
            raise InputError(f"--lr {low_folder}: LR files are for a folder of photos, and --data {folder} is none")
        here = {photo.name: photo for photo in left if Path(photo.name).is_relative_to(folder)}
        left = [photo for photo in left if photo.name not in here]
        names = {Path(name).relative_to(folder).with_suffix("").as_posix(): photo for name, photo in here.items()}
        files = files_by_name(low_folder, recursive=True)
        partners = counterparts(names, files)
        for name, photo in names.items():
            path = files[partners[name]] if name in partners else None
            size = path and size_of(path)
            problem = _problem(photo, low_folder, path, size, scale)
            if problem:
                rows.append(Problem(photo.name, problem))
            else:
                usable.append(dataclasses.replace(photo, low=Photo(str(path), partial(Path, path), size)))
        known = {Path(row.name).stem for row in found.rows}
        extra = sorted(files.keys() - set(partners.values()))
        lonely = [name for name in extra if not counterparts([name], known)]
        rows += [Problem(str(files[name]), f"no photo of this name in {folder}") for name in lonely]
    return dataclasses.replace(found, rows=tuple(rows), usable=Source(tuple(usable)))


def _problem(photo, folder, path, size, scale):
    if path is None:
        return f"no LR file of this name in {folder}"
    if size is None:
        return f"its LR file {path} cannot be read"
    expected = (photo.size[0] // scale, photo.size[1] // scale)
    if size != expected:
        asked = f"{expected[1]}×{expected[0]}"
        return f"its LR file {path} has {size[1]}×{size[0]} pixels, and ×{scale} asks for {asked}"
    return None
