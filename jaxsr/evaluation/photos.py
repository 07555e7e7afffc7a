"""Finds and reads the photos of a test set, and names them."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from jaxsr.errors import InputError
from jaxsr.imaging.folders import find_photos
from jaxsr.imaging.photo import by_pillow, read_photo
from jaxsr.imaging.picture import open_picture

T = TypeVar("T")


def find_set(directory: str | os.PathLike) -> tuple[str, list[Path]]:
    """Find name and photos of a test set: the files in DIRECTORY/HR if that exists, otherwise those in DIRECTORY.

    Raises:
      InputError: the folder does not exist, or has no photo (its subfolders are not searched).
    """
    folder = Path(directory)
    folder = folder / "HR" if (folder / "HR").is_dir() else folder
    whole = folder.resolve()
    return (whole.parent if whole.name == "HR" else whole).name, photos_in(folder)


def photos_in(folder: str | os.PathLike) -> list[Path]:
    """The photos of a folder without those of its subfolders.

    Raises:
      InputError: the folder does not exist, or has no photo.
    """
    paths = find_photos(folder, recursive=False)
    if not paths:
        raise InputError(f"{folder}: no photos in this folder; its subfolders are not searched")
    return paths


def distinct(named: Sequence[tuple[str, T]], given: Sequence[str]) -> dict[str, T]:
    """Make a dict by name. If a name occurs twice ("best" of two runs), the given names are used instead of it.

    Args:
      named: names and values.
      given: the longer name of each that a person gave.
    """
    count = Counter(name for name, _ in named)
    return {name if count[name] == 1 else full: value for (name, value), full in zip(named, given, strict=True)}


def read_set(paths: Iterable[Path]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield names and photos for `evaluate`: uint8 [H, W] for gray files, otherwise [H, W, 3].

    Raises:
      InputError: a file cannot be read.
    """
    paths = list(paths)
    for name, path in zip(photo_names(paths), paths, strict=True):
        photo = read_photo(path)
        yield name, photo[..., 0] if _is_gray(path) else photo


def photo_names(paths: Sequence[Path]) -> list[str]:
    """The name of each file, without its suffix unless two files would then have the same name."""
    stems = Counter(path.stem for path in paths)
    return [path.stem if stems[path.stem] == 1 else path.name for path in paths]


def _is_gray(path):
    # I;16 has names of its own for each order of bytes.
    gray = by_pillow(path, lambda image: image.mode in ("1", "L", "LA", "I", "F") or image.mode.startswith("I;16"))
    return open_picture(path).colour.bands == 1 if gray is None else gray
