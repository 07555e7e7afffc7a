"""Evaluation sets: photos, and the source of their LR or SR pictures."""

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from jaxsr.data.degradation.pairs import require_degradation
from jaxsr.data.degradation.photos import degrade_photo
from jaxsr.data.likeness import hr_folder_beside, low_among
from jaxsr.data.pairing import find_counterparts, read_counterpart
from jaxsr.errors import InputError
from jaxsr.evaluation.photos import distinct, find_set, photo_names
from jaxsr.evaluation.protocol import BICUBIC, PROTOCOL, reduced

# A function from the name of a photo and its HR, cropped to a multiple of the scale, to another picture of it.
Made = Callable[..., np.ndarray]


class EvaluationSet(NamedTuple):
    """Photos under one name.

    Attributes:
      paths: HR files.
      low: `low(name, hr, scale=s)` returns LR.
      protocol: how the photos are scored, including the source of LR.
      results: `results(name, hr)` returns pictures that another program made, to score instead of an upscaler's; or
        None.
    """

    paths: Sequence[Path]
    low: Made = reduced
    protocol: str = PROTOCOL
    results: Made | None = None


def open_sets(
    data: Sequence[str],
    *,
    low: Sequence[str] = (),
    results: Sequence[str] = (),
    degradation: str | None = None,
    seed: int = 0,
    flags: tuple[str, str] = ("--data", "--lr"),
) -> dict[str, EvaluationSet]:
    """Open evaluation sets, by name.

    Args:
      data: folders of HR photos, see `find_set`.
      low: folders of LR files, one for each of `data`, or several for a single one.
      results: folders of SR files, one for each of `data`, or several for a single one.
      degradation: how LR is made from HR, one of `jaxsr.data.degradation.DEGRADATIONS`.
      seed: seed of the degradation.
      flags: the flags for `data` and `low`, for errors and warnings.

    Raises:
      InputError: a folder cannot be used, files do not match, or more than one source of pictures is named.
    """
    given = {"--lr": low, "--sr": results, "--degrade": [degradation] if degradation else []}
    named = [flag for flag, values in given.items() if values]
    if len(named) > 1:
        raise InputError(f"{' and '.join(named)} exclude each other: each names a source of pictures; give only one")
    found = [find_set(directory) for directory in data]
    for directory, (_, paths) in zip(data, found, strict=True):
        _warn_of_low(directory, paths, flags)
    if low:
        return _beside(found, low, _with_low, flags=flags, kind="LR")
    if results:
        return _beside(found, results, _with_results, flags=(flags[0], "--sr"), kind="SR")
    if degradation and degradation != "bicubic":
        require_degradation(degradation)
        protocol = PROTOCOL.replace(BICUBIC, f"LR by the degradation {degradation}, seed {seed}")
        make_low = partial(degraded, degradation=degradation, seed=seed)
        sets = [
            (f"{name}, {degradation}", EvaluationSet(paths, make_low(photo_names(paths)), protocol))
            for name, paths in found
        ]
    else:
        sets = [(name, EvaluationSet(paths)) for name, paths in found]
    return distinct(sets, list(data))


def degraded(names: Sequence[str], *, degradation: str, seed: int = 0) -> Made:
    """Make the function `low` of an `EvaluationSet` with LR by a degradation.

    Args:
      names: the photos, which differ in their random keys.
      degradation: one of `jaxsr.data.degradation.DEGRADATIONS`.
      seed: seed of the degradation.
    """
    numbers = {name: number for number, name in enumerate(names)}

    def low(name, hr, *, scale):
        key = jax.random.fold_in(jax.random.key(seed), numbers[name])
        return degrade_photo(key, hr, degradation=degradation, scale=scale)

    return low


def _warn_of_low(directory, paths, flags):
    """Warn if photos look like the LR files of others, because they would be scored as if they were HR."""
    photos, low = flags
    beside, among = hr_folder_beside(paths[0].parent, paths), low_among(paths)
    if beside:
        way_out = f"those in {beside}; for pairs: {photos} {beside} {low} {paths[0].parent}"
        warnings.warn(f"{directory}: these photos look like the LR files of {way_out}", stacklevel=3)
    elif among:
        first, high = (path.name for path in among[0])
        count = f"{len(among)} of {len(paths)} photos look like the LR files of others ({first} of {high})"
        way_out = f"put them into a folder of their own and pass it as {low}"
        warnings.warn(f"{directory}: {count}; {way_out}", stacklevel=3)


def _beside(found, folders, make, *, flags, kind):
    """A set for each folder of pictures beside the photos."""
    photos, flag = flags
    if len(found) not in (1, len(folders)):
        raise InputError(f"{flag} has {len(folders)} folders for {len(found)} of {photos}; give one for each")
    found = found * len(folders) if len(found) == 1 else found
    sets = [
        (f"{name}, {kind} {Path(folder).name}", make(paths, folder, flag))
        for (name, paths), folder in zip(found, folders, strict=True)
    ]
    return distinct(sets, [f"{name} ({folder})" for (name, _), folder in zip(sets, folders, strict=True)])


def _with_low(paths, folder, flag):
    files = _counterparts(paths, folder, flag)

    def low(name, hr, *, scale):
        expected = (hr.shape[0] // scale, hr.shape[1] // scale)
        return read_counterpart(files[name], expected, of=f"{name} at ×{scale}", gray=hr.ndim == 2)

    return EvaluationSet(paths, low, PROTOCOL.replace(BICUBIC, "LR as given"))


def _with_results(paths, folder, flag):
    files = _counterparts(paths, folder, flag)

    def results(name, hr):
        return read_counterpart(files[name], hr.shape[:2], of=name, gray=hr.ndim == 2)

    return EvaluationSet(paths, reduced, PROTOCOL.replace(f"{BICUBIC}; SR", "SR as given,"), results)


def _counterparts(paths, folder, flag):
    return dict(zip(photo_names(paths), find_counterparts(paths, folder, flag=flag), strict=True))
