"""Looking a set of photos over before training on it, so that nothing goes wrong hours later.

Copies are recognised by 16×16 thumbnails in colour: they survive recompression and resizing, but not cropping or
retouching. Among the 640 photos of BSDS500, T91, Kodak, Set5, Set14 and two further sets, different photos of the same
shape correlate by less than 0.95, copies at half size or at JPEG quality 30 by more than 0.98.
"""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxsr.data.looks import look_at
from jaxsr.data.sources import Source, open_source

_NONE = Source(())
_CORRELATION = 0.98
_LEVELS = 8.0
_ASPECT = 0.03


@dataclasses.dataclass(frozen=True)
class Problem:
    """One row of the table: a photo and what is wrong with it, or should be known of it."""

    name: str
    problem: str


@dataclasses.dataclass(frozen=True, eq=False)
class Inspection:
    """What an inspection found.

    Attributes:
      rows: the photos with a problem, in the order of the sources; those of the validation set last.
      notes: what should be known of photos that are usable all the same.
      usable: the photos without a problem, ready to train on, their sizes and digests known.
      total: photos looked at, without those of the validation set.
      uncompared: large photos that are no JPEG, which a quick inspection does not decode.
    """

    rows: tuple[Problem, ...]
    notes: tuple[Problem, ...]
    usable: Source
    total: int
    uncompared: int


def inspect(
    source_names: Sequence[str],
    *,
    crop: int,
    validation: Source = _NONE,
    full: bool = False,
    tfds_directory: str | os.PathLike | None = None,
    kept: Path | None = None,
) -> Inspection:
    """Look for photos that are unreadable, too small, there twice, or also in the validation set.

    Args:
      source_names: as for `open_source`.
      crop: side of the training crops in pixels; no usable photo is smaller.
      validation: the photos validated on.
      full: decode every photo whole, see `look_at`.
      tfds_directory: as for `open_source`.
      kept: file for what was seen, so that files that have not changed need not be read the next time.

    Raises:
      InputError: a source cannot be opened at all.
    """
    source = open_source(source_names, tfds_directory=tfds_directory, headers=False)
    looks = look_at(source.photos + validation.photos, full=full, kept=kept)
    looks, validation_looks = looks[: len(source)], looks[len(source) :]
    names, validation_names = source.names, validation.names

    problems = {index: look.problem for index, look in enumerate(looks) if look.problem}
    for index, look in enumerate(looks):
        if look.size and min(look.size) < crop:
            height, width = look.size
            problems.setdefault(index, f"too small: {width}×{height}, the crop is {crop}")
    held_out = [index for index, look in enumerate(validation_looks) if look.thumbnail is not None]
    comparable = _comparable(looks, problems)
    copies = _copies([looks[i] for i in comparable], [validation_looks[i] for i in held_out])
    for position, other in copies.items():
        problems[comparable[position]] = f"also in the validation set: {validation_names[held_out[other]]}"
    # The largest copy is the one to keep.
    comparable = sorted(_comparable(looks, problems), key=lambda index: -np.prod(looks[index].size))
    for position, other in _copies([looks[i] for i in comparable]).items():
        problems[comparable[position]] = f"duplicate of {names[comparable[other]]}"

    rows = [Problem(names[index], problems[index]) for index in sorted(problems)]
    rows += [
        Problem(name, f"validation photo: {look.problem}")
        for name, look in zip(validation_names, validation_looks, strict=True)
        if look.problem
    ]
    usable = [index for index in range(len(source)) if index not in problems]
    notes = [Problem(names[index], looks[index].note) for index in usable if looks[index].note]
    photos = [
        dataclasses.replace(source.photos[index], size=looks[index].size, digest=looks[index].digest)
        for index in usable
    ]
    uncompared = sum(looks[index].thumbnail is None for index in usable)
    return Inspection(tuple(rows), tuple(notes), Source(tuple(photos)), len(source), uncompared)


def format_table(inspection: Inspection, *, limit: int | None = None) -> str:
    """The findings as text: one line a photo, at most `limit` of them, and a summary."""
    found = inspection.rows + inspection.notes
    rows = found[:limit]
    width = max((len(row.name) for row in rows), default=0)
    lines = [f"{row.name:<{width}}  {row.problem}" for row in rows]
    if len(found) > len(rows):
        lines.append(f"… and {len(found) - len(rows)} more")
    lines.append(f"{len(inspection.usable)} of {inspection.total} photos usable")
    if inspection.uncompared:
        lines.append(
            f"{inspection.uncompared} large photos in other formats than JPEG were not decoded, only hashed; "
            "--check-data decodes them"
        )
    return "\n".join(lines)


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
