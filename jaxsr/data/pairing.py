"""Pair the files that show the same photo in LR, SR and HR, by name."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from jaxsr.errors import InputError
from jaxsr.imaging.color import full_luma
from jaxsr.imaging.folders import find_photos
from jaxsr.imaging.photo import read_photo

# Endings that programs and test sets add to a photo's name: 0001x4, head_x4, baby_LR, img_SRF_4_HR, photo_out.
_ENDING = r"([ ._-]?x\d+(\.\d+)?|[._-](srf[._-]?\d+|lr|hr|sr|out|bicubic|lrbi))"
_LAST, _ALL = (re.compile(ending, re.IGNORECASE) for ending in (f"{_ENDING}$", f"{_ENDING}+$"))
_SEPARATED_LAST = re.compile(rf"(?=[ ._-]){_ENDING}$", re.IGNORECASE)


def counterparts(names: Iterable[str], others: Iterable[str]) -> dict[str, str]:
    """Find the name of the same photo among the others, for each name.

    Names match if they are equal, or equal without endings that programs add (`x4`, `_x4`, `_LR`, `_out` …). Of several
    that match, the one with the fewest endings left out is taken. No two names get the same counterpart.

    A photo can be called box2. So only one of the two loses endings without a separator, the other name if possible.

    Args:
      names: paths relative to their folder, without suffixes.
      others: paths relative to another folder, without suffixes.

    Returns:
      {name: other}; names without a counterpart are left out.
    """
    names, others = list(dict.fromkeys(names)), sorted(others)
    found, taken = {}, set()
    for endings in ((_SEPARATED_LAST, _LAST), (_LAST, _SEPARATED_LAST)):
        for _, number, other in sorted(_matches(names, others, *endings)):
            if number not in found and other not in taken:
                found[number] = other
                taken.add(other)
    return {name: found[number] for number, name in enumerate(names) if number in found}


def _matches(names, others, ending, ending_of_others):
    """Yield (endings left out, number of the name, other) of all that match."""
    by_form = defaultdict(list)
    for other in others:
        for shortened, form in enumerate(_forms(other, ending_of_others)):
            by_form[form].append((shortened, other))
    for number, name in enumerate(names):
        for left_out, form in enumerate(_forms(name, ending)):
            for shortened, other in by_form[form]:
                yield left_out + shortened, number, other


def _forms(name, ending):
    """A name, and what is left of it without its last ending, its last two, and so on."""
    forms = [name]
    while ending.search(forms[-1]):
        forms.append(ending.sub("", forms[-1]))
    return forms


def files_by_name(folder: str | Path, *, recursive: bool) -> dict[str, Path]:
    """The photos of a folder by their relative paths without suffixes.

    If two paths differ only in the suffix, the first is taken.

    Raises:
      InputError: the folder does not exist, or has no photo.
    """
    paths = find_photos(folder, recursive=recursive, follow=True)
    if not paths:
        raise InputError(f"{folder}: no photos in this folder")
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in reversed(paths)}


def find_counterparts(paths: Sequence[Path], folder: str | Path, *, flag: str) -> list[Path]:
    """Find the counterpart of each photo of a folder in another one, whose subfolders are not searched.

    Raises:
      InputError: a photo has no counterpart; the message names the first, and the flag that named the folder.
    """
    others = files_by_name(folder, recursive=False)
    found = counterparts([path.stem for path in paths], others)
    missing = [path.name for path in paths if path.stem not in found]
    if missing:
        more = f" and {len(missing) - 1} others" if len(missing) > 1 else ""
        raise InputError(
            f"{flag} {folder}: no file for {missing[0]}{more}; files are paired by name, as 0001x4 and 0001"
        )
    return [others[found[path.stem]] for path in paths]


def read_counterpart(path: Path, expected: tuple[int, int], *, of: str, gray: bool = False) -> np.ndarray:
    """Read the pixels of the counterpart `of` a photo, which should have this (height, width).

    Returns:
      uint8 [H, W, 3], or BT.601 full-range luma [H, W] if the photo is gray.

    Raises:
      InputError: the file cannot be read, or has another size than expected.
    """
    pixels = read_photo(path)
    height, width = pixels.shape[:2]
    if (height, width) != expected:
        raise InputError(f"{path}: {width}×{height} pixels do not fit {of}, which needs {expected[1]}×{expected[0]}")
    if not gray:
        return pixels
    return np.round(full_luma(pixels.astype(np.float64))).astype(np.uint8)


def bare_name(name: str) -> str:
    """A name (without suffix) without the endings that programs add."""
    return _ALL.sub("", name)
