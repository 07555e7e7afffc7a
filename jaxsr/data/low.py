"""LR files for training photos: each photo gets its LR file, or a row of the table that says what does not match."""

import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from jaxsr.data.inspection import Inspection, Problem
from jaxsr.data.looks import look_at
from jaxsr.data.pairing import counterparts, files_by_name
from jaxsr.data.sources import Photo, Source, file_photos
from jaxsr.errors import InputError


def with_low(
    found: Inspection,
    data: Sequence[str],
    low: Sequence[str],
    *,
    scale: int,
    full: bool = False,
    kept: Path | None = None,
) -> Inspection:
    """Pair the usable photos of an inspection with LR files, by relative paths without suffixes.

    Args:
      found: the inspection of the photos.
      data: the folders that contain the photos.
      low: the folder of LR files for each folder of `data`.
      scale: HR pixels per LR pixel; HR may have up to scale − 1 more rows and columns than LR covers.
      full: see `look_at`.
      kept: see `look_at`; not the file that stores the looks at the HR photos.

    Returns:
      The inspection with only the paired photos as usable, and a row for each photo that does not match.

    Raises:
      InputError: one of `data` is not a folder, or one of `low` cannot be read.
    """
    rows, usable = list(found.rows), []
    left = list(found.usable.photos)
    listed = [files_by_name(folder, recursive=True) for folder in low]
    photos = file_photos([path for files in listed for path in files.values()], headers=False)
    looks = dict(zip((photo.name for photo in photos), look_at(photos, full=full, kept=kept), strict=True))
    for folder, low_folder, files in zip(map(Path, data), low, listed, strict=True):
        if not folder.is_dir():
            raise InputError(f"--lr {low_folder}: LR files are for a folder of photos, and --data {folder} is not one")
        here = {photo.name: photo for photo in left if Path(photo.name).is_relative_to(folder)}
        left = [photo for photo in left if photo.name not in here]
        names: dict[str, Photo] = {}
        for name, photo in here.items():
            key = Path(name).relative_to(folder).with_suffix("").as_posix()
            if key in names:
                rows.append(Problem(name, f"has the name of {names[key].name}"))
            names.setdefault(key, photo)
        partners = counterparts(names, files)
        for name, photo in names.items():
            if name not in partners:
                rows.append(Problem(photo.name, f"no LR file of this name in {low_folder}"))
                continue
            path = files[partners[name]]
            look = looks[str(path)]
            if problem := _problem(photo, path, look, scale):
                rows.append(Problem(photo.name, problem))
            else:
                partner = Photo(str(path), partial(Path, path), look.size, digest=look.digest)
                usable.append(dataclasses.replace(photo, low=partner))
        refused = [Path(row.name) for row in found.rows if Path(row.name).is_relative_to(folder)]
        unused = files.keys() - set(partners.values())
        known = counterparts([path.relative_to(folder).with_suffix("").as_posix() for path in refused], unused)
        lonely = sorted(unused - set(known.values()))
        rows += [Problem(str(files[name]), f"no photo of this name in {folder}") for name in lonely]
    in_use = {photo.name for photo in usable}
    notes = tuple(note for note in found.notes if note.name in in_use)
    return dataclasses.replace(found, rows=tuple(rows), notes=notes, usable=Source(tuple(usable)))


def _problem(photo, path, look, scale):
    if look.problem:
        return f"its LR file {path} cannot be read ({look.problem.removeprefix('unreadable: ')})"
    (height, width), size = look.size, (photo.size[0] // scale, photo.size[1] // scale)
    if (height, width) != size:
        return f"its LR file {path} has {width}×{height} pixels, and ×{scale} needs {size[1]}×{size[0]}"
    return None
