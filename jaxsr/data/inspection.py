"""Looking a set of photos over before training on it, so that nothing goes wrong hours later.

Copies are recognised by 16×16 thumbnails in colour: they survive recompression and resizing, but not cropping or
retouching. Among the 640 photos of BSDS500, T91, Kodak, Set5, Set14 and two further sets, different photos of the same
shape correlate by less than 0.95, copies at half size or at JPEG quality 30 by more than 0.98.
"""

import dataclasses
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

from jaxsr.data.sources import Photo, Source, open_source
from jaxsr.imaging.files import BROKEN, reason, to_rgb, upright_size

_SIDE = 16
_CORRELATION = 0.98
_LEVELS = 8.0
_ASPECT = 0.03
# JPEGs give a thumbnail at an eighth of the work; other formats have to be decoded whole.
_QUICK_PIXELS = 2**20


@dataclasses.dataclass(frozen=True)
class Problem:
    """One row of the table: a photo and what is wrong with it."""

    name: str
    problem: str


@dataclasses.dataclass(frozen=True, eq=False)
class Inspection:
    """What an inspection found.

    Attributes:
      rows: the photos with a problem, in the order of the sources; those of the validation set last.
      usable: the photos without, ready to train on, their sizes known.
      total: photos looked at, without those of the validation set.
      uncompared: large photos that are no JPEG, of which a quick inspection reads the header only.
    """

    rows: tuple[Problem, ...]
    usable: Source
    total: int
    uncompared: int


def inspect(
    source_names: Sequence[str],
    *,
    crop: int,
    validation_names: Sequence[str] = (),
    full: bool = False,
    tfds_directory: str | os.PathLike | None = None,
) -> Inspection:
    """Look for photos that are unreadable, too small, there twice, or also in the validation set.

    Args:
      source_names: as for `open_source`.
      crop: side of the training crops in pixels; no usable photo is smaller.
      validation_names: as for `open_source`; may be empty.
      full: decode every photo whole. Otherwise JPEGs are decoded at a reduced size, and of other photos above a
        million pixels only the header is read.
      tfds_directory: as for `open_source`.

    Raises:
      InputError: a source cannot be opened at all.
    """
    source = open_source(source_names, tfds_directory=tfds_directory)
    validation = open_source(validation_names, tfds_directory=tfds_directory) if validation_names else Source(())
    looks = _look_all(source.photos + validation.photos, full=full)
    looks, validation_looks = looks[: len(source)], looks[len(source) :]

    problems = {index: look.problem for index, look in enumerate(looks) if look.problem}
    for index, look in enumerate(looks):
        if look.size and min(look.size) < crop:
            height, width = look.size
            problems.setdefault(index, f"too small: {width}×{height}, the crop is {crop}")
    held_out = [look for look in validation_looks if look.thumbnail is not None]
    comparable = _comparable(looks, problems)
    for position, other in _copies([looks[i] for i in comparable], held_out).items():
        problems[comparable[position]] = f"also in the validation set: {held_out[other].photo.name}"
    # The largest copy is the one to keep.
    comparable = sorted(_comparable(looks, problems), key=lambda index: -np.prod(looks[index].size))
    for position, other in _copies([looks[i] for i in comparable]).items():
        problems[comparable[position]] = f"duplicate of {looks[comparable[other]].photo.name}"

    rows = [Problem(looks[index].photo.name, problems[index]) for index in sorted(problems)]
    rows += [Problem(look.photo.name, f"validation photo: {look.problem}") for look in validation_looks if look.problem]
    usable = [
        dataclasses.replace(look.photo, size=look.size) for index, look in enumerate(looks) if index not in problems
    ]
    uncompared = sum(look.thumbnail is None and index not in problems for index, look in enumerate(looks))
    return Inspection(tuple(rows), Source(tuple(usable)), len(source), uncompared)


def format_table(inspection: Inspection, *, limit: int | None = None) -> str:
    """The findings as text: one line a photo, at most `limit` of them, and a summary."""
    rows = inspection.rows[:limit]
    width = max((len(row.name) for row in rows), default=0)
    lines = [f"{row.name:<{width}}  {row.problem}" for row in rows]
    if len(inspection.rows) > len(rows):
        lines.append(f"… and {len(inspection.rows) - len(rows)} more")
    lines.append(f"{len(inspection.usable)} of {inspection.total} photos usable")
    if inspection.uncompared:
        lines.append(
            f"{inspection.uncompared} large photos in other formats than JPEG: only the header was read; "
            "--check-data reads them whole"
        )
    return "\n".join(lines)


@dataclasses.dataclass(frozen=True, eq=False)
class _Look:
    photo: Photo
    size: tuple[int, int] | None = None
    thumbnail: np.ndarray | None = None
    problem: str | None = None


def _look_all(photos: Iterable[Photo], *, full):
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        looks = threads.map(lambda photo: _look(photo, full=full), photos)
        return list(tqdm(looks, "Checking photos", len(photos), unit="photo", delay=1, leave=False))


def _look(photo, *, full):
    try:
        with Image.open(photo.file()) as image:
            size = upright_size(image)
            if not full and image.format != "JPEG" and image.width * image.height > _QUICK_PIXELS:
                return _Look(photo, size)
            if not full:
                image.draft("RGB", (4 * _SIDE, 4 * _SIDE))
            upright = to_rgb(ImageOps.exif_transpose(image))
            return _Look(photo, size, np.asarray(upright.resize((_SIDE, _SIDE), Image.Resampling.BOX)))
    except BROKEN as error:
        return _Look(photo, problem=f"unreadable: {reason(error)}")


def _comparable(looks, problems):
    return [index for index, look in enumerate(looks) if index not in problems and look.thumbnail is not None]


def _copies(looks, originals=None):
    """The positions in `looks` that are copies, each with that of its original.

    Without `originals`, those are the earlier entries of `looks` itself.
    """
    if not looks or (originals is not None and not originals):
        return {}
    levels, units, aspects = _features(looks)
    other_levels, other_units, other_aspects = _features(looks if originals is None else originals)
    found = {}
    chunk = 1024
    for start in range(0, len(looks), chunk):
        here = slice(start, start + chunk)
        alike = units[here] @ other_units.T > _CORRELATION
        alike &= np.abs(aspects[here, None] - other_aspects) < _ASPECT
        for row, other in np.argwhere(alike):
            row = start + row
            earlier = originals is not None or other < row
            if earlier and row not in found and np.abs(levels[row] - other_levels[other]).mean() < _LEVELS:
                found[int(row)] = int(other)
    return found


def _features(looks):
    levels = np.stack([look.thumbnail for look in looks]).reshape(len(looks), -1).astype(np.float32)
    contrast = levels - levels.mean(axis=1, keepdims=True)
    units = contrast / np.maximum(np.linalg.norm(contrast, axis=1, keepdims=True), 1e-6)
    return levels, units, np.log([look.size[0] / look.size[1] for look in looks])
