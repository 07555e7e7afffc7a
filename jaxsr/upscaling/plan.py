"""Which pictures are upscaled, and where each result goes."""

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jaxsr.errors import InputError
from jaxsr.imaging.folders import find_photos
from jaxsr.imaging.picture import READ_SUFFIXES
from jaxsr.imaging.writing import WRITTEN_SUFFIXES


@dataclass(frozen=True)
class Source:
    """A picture to upscale.

    Attributes:
      path: the file.
      place: its path within the folder that was named, or its name if it was named itself.
      named: whether it was named itself.
    """

    path: Path
    place: Path
    named: bool


@dataclass(frozen=True)
class Job:
    """A picture, and the file that its result goes to: paths, or URIs for what is not on this machine."""

    source: Path | str
    target: Path | str


def plan(
    inputs: Sequence[str], output: str, *, label: str, recursive: bool = False, suffix: str | None = None
) -> list[Job]:
    """What there is to do.

    A folder stands for its pictures. What lies in the output folder is not upscaled again; where that is the input
    folder itself, this holds for whatever is the result of another picture there.

    Args:
      inputs: pictures and folders.
      output: for one picture, the file to write; or a folder (that exists, or is written with a slash at its end, or
        any name when a folder or several pictures are upscaled), which gets sub/NAME_x4.png for the picture
        sub/NAME.jpg of an input folder. Pictures of one folder that differ only in their suffixes keep theirs:
        NAME.jpg_x4.png and NAME.tif_x4.png, so that no result's name depends on which of them comes first.
      label: what those names end with, "x4".
      recursive: take the pictures in subfolders too.
      suffix: of the results in a folder, one of `WRITTEN_SUFFIXES`; None for .png.

    Returns:
      At least one job; no two share a source or a target, and no target is a source.

    Raises:
      InputError: nothing is named, a folder has no pictures, a result would replace a source or another result, its
        suffix is unknown, a file is named for several pictures, or the folder cannot be written.
    """
    folder = output.endswith(("/", os.sep)) or Path(output).is_dir()
    several = len(inputs) > 1 or any(map(os.path.isdir, inputs))
    named_as_file = Path(output).is_file() or Path(output).suffix.lower() in WRITTEN_SUFFIXES
    if not folder and several and named_as_file:
        raise InputError(f"{output}: name a folder to put the results of several pictures in")
    sources = find_sources(inputs, recursive=recursive, apart_from=output)
    if folder or several:
        jobs = without_results(sources, name_results(sources, output, label=label, suffix=suffix or ".png"))
    elif suffix is not None:
        raise InputError(f"{output}: the name says the format already; --format is for the results in a folder")
    else:
        jobs = [Job(sources[0].path, Path(output))]
    require_apart(jobs)
    require_writable(Path(output) if folder or several else Path(output).parent)
    return jobs


def find_sources(
    inputs: Sequence[str], *, recursive: bool = False, apart_from: str | os.PathLike | None = None
) -> list[Source]:
    """The pictures that are named, and those of the folders that are named, each once.

    Args:
      inputs: files, which need not exist, and folders.
      recursive: take the pictures in subfolders too.
      apart_from: a subfolder that is left out.

    Raises:
      InputError: nothing is named, or a folder has no pictures.
    """
    found = {}
    for path in map(Path, inputs):
        sources = [Source(path, Path(path.name), True)]
        if path.is_dir():
            photos = find_photos(path, recursive=recursive, apart_from=apart_from, suffixes=READ_SUFFIXES)
            # To open a pipe or a device is to wait for it. A dangling link is kept: it is an error to be told of.
            sources = [Source(p, p.relative_to(path), False) for p in photos if p.is_file() or not p.exists()]
            if not sources:
                way_out = "" if recursive else "; --recursive looks into its subfolders"
                raise InputError(f"{path}: no photos in this folder{way_out}")
        for source in sources:
            found.setdefault(os.path.abspath(source.path), source)
    if not found:
        raise InputError("name at least one picture to upscale")
    return list(found.values())


def name_results(sources: Sequence[Source], folder: str | os.PathLike, *, label: str, suffix: str) -> list[Path]:
    """For each source its result's path in a folder, as `plan` describes."""
    alike = defaultdict(list)
    for source in sources:
        # Some file systems do not tell upper case from lower.
        alike[str(source.place.with_suffix("")).casefold()].append(source)
    targets = []
    for source in sources:
        alone = len(alike[str(source.place.with_suffix("")).casefold()]) == 1
        stem = source.place.stem if alone else source.place.name
        targets.append(Path(folder, source.place.parent, f"{stem}_{label}{suffix}"))
    return targets


def without_results(sources: Sequence[Source], targets: Sequence[Path]) -> list[Job]:
    """The jobs of sources and targets that belong together, but for pictures of folders that are another's result."""
    results = {os.path.abspath(target) for target in targets}
    kept = [source.named or os.path.abspath(source.path) not in results for source in sources]
    return [Job(source.path, target) for source, target, keep in zip(sources, targets, kept, strict=True) if keep]


def require_apart(jobs: Sequence[Job], *, suffixes: Sequence[str] = WRITTEN_SUFFIXES) -> None:
    """Raise `InputError` if a result would replace a source or another result, or has none of these suffixes."""
    sources = {os.path.realpath(job.source) for job in jobs}
    writers = {}
    for job in jobs:
        if job.target.suffix.lower() not in suffixes:
            names = ", ".join(suffixes)
            raise InputError(f"{job.target}: give the output a name in {names}, or a folder's with / at its end")
        if os.path.realpath(job.target) in sources:
            raise InputError(f"{job.target}: this would replace an input; give the output another name")
        other = writers.setdefault(str(job.target).casefold(), job.source)
        if other != job.source:
            raise InputError(f"{job.target}: both {other} and {job.source} would be written there; upscale them apart")


def require_writable(folder: Path) -> None:
    """Raise `InputError`, before hours of work, if results have no place in a folder, which need not exist."""
    existing = next(parent for parent in (folder, *folder.resolve().parents) if parent.exists())
    if not existing.is_dir():
        raise InputError(f"{folder}: cannot be a folder, since {existing} is a file")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(f"{existing}: no permission to write in this folder")
