"""Which files show the same photo in LR, SR and HR: paired by name."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from jaxsr.errors import InputError
from jaxsr.imaging.files import read_photo
from jaxsr.imaging.folders import find_photos

# What programs and test sets put behind the name of a photo: 0001x4, head_x4, baby_LR, img_SRF_4_HR, photo_out.
_ADDED = re.compile(r"([ ._-]?x\d+(\.\d+)?|[._-](srf[._-]?\d+|lr|hr|sr|out|bicubic|lrbi))+$", re.IGNORECASE)


def counterparts(names: Iterable[str], others: Iterable[str]) -> dict[str, str]:
    """For each name the one of the others that is of the same photo.

    Names are equal, or equal without what programs add behind them (`x4`, `_x4`, `_LR`, `_out` …).

    Args:
      names: paths relative to their folder, without suffixes.
      others: likewise.

    Returns:
      {name: other}, without the names that have no counterpart.
    """
    others = list(others)
    exact, bare = set(others), {}
    for other in sorted(others):
        bare.setdefault(bare_name(other), other)
    found = {name: name if name in exact else bare.get(bare_name(name)) for name in names}
    return {name: other for name, other in found.items() if other is not None}


def files_by_name(folder: str | Path, *, recursive: bool) -> dict[str, Path]:
    """The photos of a folder by their relative paths without suffixes; of two that differ in it alone the first.

    Raises:
      InputError: there is no such folder, or no photo in it.
    """
    paths = find_photos(folder, recursive=recursive, follow=True)
    if not paths:
        raise InputError(f"{folder}: no photos in this folder")
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in reversed(paths)}


def find_counterparts(paths: Sequence[Path], folder: str | Path, *, flag: str) -> list[Path]:
    """For each photo its counterpart in another folder.

    Args:
      paths: of one folder.
      folder: the other one; its subfolders are not searched.
      flag: that named the folder, for errors.

    Raises:
      InputError: one has none; the sentence names the first.
    """
    others = files_by_name(folder, recursive=False)
    found = counterparts([path.stem for path in paths], others)
    missing = [path.name for path in paths if path.stem not in found]
    if missing:
        more = f", nor for {len(missing) - 1} others" if len(missing) > 1 else ""
        raise InputError(
            f"{flag} {folder}: no file for {missing[0]}{more}; files are paired by name, as 0001x4 and 0001"
        )
    return [others[found[path.stem]] for path in paths]


def require_size(path: Path, size: tuple[int, int], expected: tuple[int, int], *, of: str) -> None:
    """Refuse a counterpart of another size.

    Args:
      path: the counterpart.
      size: its (height, width).
      expected: what it should be.
      of: the photo that it belongs to.

    Raises:
      InputError: they differ.
    """
    if size != expected:
        raise InputError(
            f"{path}: {size[1]}×{size[0]} pixels do not fit {of}, which asks for {expected[1]}×{expected[0]}"
        )


def read_counterpart(path: Path, expected: tuple[int, int], *, of: str, gray: bool = False) -> np.ndarray:
    """The pixels of a counterpart: uint8 [H, W, 3], or [H, W] where the photo that it belongs to is gray.

    Raises:
      InputError: it cannot be read, or is of another size than expected.
    """
    pixels = read_photo(path)
    require_size(path, pixels.shape[:2], expected, of=of)
    if not gray:
        return pixels
    return np.round(pixels @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)


def bare_name(name: str) -> str:
    """A name without suffix and without what programs add behind it."""
    return _ADDED.sub("", name)
