"""Inspect a set of photos before training on it, so that a run does not fail hours later."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxsr.data.likeness import copies, low_files, pair_of_folders
from jaxsr.data.looks import look_at
from jaxsr.data.sources import Source, open_source

_NONE = Source(())


@dataclasses.dataclass(frozen=True)
class Problem:
    """One row of the table: a photo, and what is wrong with it or worth knowing about it."""

    name: str
    problem: str


@dataclasses.dataclass(frozen=True, eq=False)
class Inspection:
    """The result of an inspection.

    Attributes:
      rows: the photos with a problem, in the order of the sources; those of the validation set come last.
      notes: remarks on usable photos.
      usable: the photos without a problem, with known sizes and digests.
      total: number of inspected photos, without those of the validation set.
      uncompared: number of large photos in other formats than JPEG, which a quick inspection does not decode.
      hint: how to train on pairs, if some photos look like LR files of others; None otherwise.
    """

    rows: tuple[Problem, ...]
    notes: tuple[Problem, ...]
    usable: Source
    total: int
    uncompared: int
    hint: str | None = None


def inspect(
    source_names: Sequence[str],
    *,
    crop: int,
    validation: Source = _NONE,
    full: bool = False,
    kept: Path | None = None,
) -> Inspection:
    """Find photos that are unreadable, too small, duplicates, LR files of others, or also in the validation set.

    Args:
      source_names: as for `open_source`.
      crop: side of the training crops in pixels; no usable photo is smaller.
      validation: the validation photos.
      full: decode every training photo completely, see `look_at`. Validation photos are decoded completely always.
      kept: file that stores the looks, so that unchanged photos are not read again the next time.

    Raises:
      InputError: a source cannot be opened.
    """
    source = open_source(source_names, headers=False)
    # Validation photos are few and are decoded at each start anyway; only decoded ones show copies of them.
    whole = [full] * len(source) + [True] * len(validation)
    looks = look_at(source.photos + validation.photos, full=whole, kept=kept)
    looks, validation_looks = looks[: len(source)], looks[len(source) :]
    names, validation_names = source.names, validation.names

    problems = {index: look.problem for index, look in enumerate(looks) if look.problem}
    for index, look in enumerate(looks):
        if look.size and min(look.size) < crop:
            height, width = look.size
            problems.setdefault(index, f"too small: {width}×{height}, a crop needs {crop}")
    left = [index for index in range(len(looks)) if index not in problems]
    for place, other in copies([looks[index] for index in left], originals=validation_looks).items():
        problems[left[place]] = f"also in the validation set: {validation_names[other]}"
    low = low_files(source.photos, looks)
    for index, (other, scale) in low.items():
        problems[index] = f"looks like the LR file of {names[other]}, at ×{scale}"
    # Of several copies, the largest is kept.
    left = sorted(
        (index for index in left if index not in problems), key=lambda index: -np.prod(looks[index].size or 0)
    )
    for place, other in copies([looks[index] for index in left]).items():
        problems[left[place]] = f"duplicate of {names[left[other]]}"

    rows = [Problem(names[index], problems[index]) for index in sorted(problems)]
    rows += [
        Problem(name, f"validation photo: {look.problem}")
        for name, look in zip(validation_names, validation_looks, strict=True)
        if look.problem
    ]
    usable = [index for index in range(len(source)) if index not in problems]
    notes = [Problem(names[index], note) for index in usable if (note := looks[index].note)]
    photos = [
        dataclasses.replace(source.photos[index], size=looks[index].size, digest=looks[index].digest)
        for index in usable
    ]
    uncompared = sum(looks[index].thumbnail is None for index in usable)
    hint = _hint(names, low) if low else None
    return Inspection(tuple(rows), tuple(notes), Source(tuple(photos)), len(source), uncompared, hint)


def format_table(inspection: Inspection, *, limit: int | None = None) -> str:
    """Format the findings as text: one line per photo, at most `limit` of them, and a summary."""
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
    return "\n".join([*lines, *filter(None, [inspection.hint])])


def _hint(names, low):
    index, (other, _) = next(iter(low.items()))
    folders = pair_of_folders(Path(names[other]), Path(names[index]))
    how = (
        "--data {} --lr {}".format(*folders) if folders else "put these into a folder of their own and pass it as --lr"
    )
    look = (
        "1 photo looks like the LR file of another"
        if len(low) == 1
        else f"{len(low)} photos look like LR files of others"
    )
    return f"{look}; to train on pairs: {how}"
