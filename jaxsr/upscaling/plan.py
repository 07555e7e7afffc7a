"""Plans which pictures are upscaled, and where each result goes."""

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jaxsr.errors import InputError
from jaxsr.files import ignores_case, nearest_existing
from jaxsr.imaging.folders import find_photos
from jaxsr.imaging.picture import READ_SUFFIXES
from jaxsr.imaging.writing import WRITTEN_SUFFIXES

# A result's name, from a run of any scale and format: STEM_x2.png, or STEM_3840x.webp and STEM_x2160.jpg. With both
# sides it could be a picture of the user's own, which must not be left out.
_RESULT = re.compile(
    rf"(.+)_(?:x\d+(?:\.\d+)?|\d+x)(?:{'|'.join(map(re.escape, WRITTEN_SUFFIXES))})", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True)
class Source:
    """A picture to upscale.

    Attributes:
      path: the file.
      place: its path relative to the folder that was named, or its file name if the file itself was named.
      named: whether the file itself was named.
    """

    path: Path
    place: Path
    named: bool


@dataclass(frozen=True)
class Job:
    """A picture and the target of its result: paths, or URIs for files that are not on this machine."""

    source: Path | str
    target: Path | str


def plan(
    inputs: Sequence[str], output: str, *, label: str, recursive: bool = False, suffix: str | None = None
) -> list[Job]:
    """Plan the jobs of a command.

    A folder stands for its pictures. Pictures in the output folder are not upscaled again. If the output folder is an
    input folder, the results of its other pictures are not upscaled again, whatever their scale or format.

    Args:
      inputs: pictures and folders.
      output: for one picture, the file to write. Otherwise a folder: one that exists, a name that ends with a slash, or
        any name if a folder or several pictures are upscaled. The result of the picture sub/NAME.jpg of an input folder
        is sub/NAME_x4.png in it. Pictures of one folder that differ only in their suffixes keep these, as in
        NAME.jpg_x4.png and NAME.tif_x4.png; so no name depends on the order of the pictures. Beside a NAME.jpg,
        NAME.jpg.png keeps it too.
      label: the end of those names, such as "x4".
      recursive: whether to include the pictures in subfolders.
      suffix: suffix of the results in a folder, one of `WRITTEN_SUFFIXES`; None for .png.

    Returns:
      At least one job. No two jobs share a source or a target, and no target is a source.

    Raises:
      InputError: nothing is named, a folder has no pictures, a result would replace a source or another result, its
        suffix is unknown, a file is named for several results, a folder has its name, or the folder cannot be written.
    """
    require_names(inputs, output)
    folder = output.endswith(("/", os.sep)) or Path(output).is_dir()
    several = len(inputs) > 1 or any(map(os.path.isdir, inputs))
    named_as_file = Path(output).is_file() or Path(output).suffix.lower() in WRITTEN_SUFFIXES
    if not folder and several and named_as_file:
        raise InputError(f"{output}: name a folder to put the results of several pictures in")
    sources = find_sources(inputs, recursive=recursive, apart_from=output)
    if folder or several:
        jobs = without_results(sources, name_results(sources, output, label=label, suffix=suffix or ".png"))
    elif suffix is not None:
        raise InputError(f"{output}: the name says the format already; --format is for results in a folder")
    else:
        jobs = [Job(sources[0].path, Path(output))]
    require_apart(jobs)
    require_writable(Path(output) if folder or several else Path(output).parent)
    return jobs


def require_names(inputs: Sequence[str], output: str) -> None:
    """Raise `InputError` if a name is empty, as that of an unset variable of a shell, which would mean this folder."""
    if "" in (*inputs, output):
        raise InputError("the name of an input or of the output is empty; give a name, or . for this folder")


def find_sources(
    inputs: Sequence[str], *, recursive: bool = False, apart_from: str | os.PathLike | None = None
) -> list[Source]:
    """The named pictures and the pictures of the named folders, each once.

    Files need not exist. `apart_from` is a subfolder to leave out.

    Raises:
      InputError: nothing is named, or a folder has no pictures.
    """
    found = {}
    for path in map(Path, inputs):
        sources = [Source(path, Path(path.name), True)]
        if path.is_dir():
            photos = find_photos(path, recursive=recursive, apart_from=apart_from, suffixes=READ_SUFFIXES)
            # Opening a pipe or a device would wait for it. A dangling link is kept, so that its error is reported.
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
    """The path of each source's result in a folder, as `plan` describes."""
    # Some file systems do not distinguish upper and lower case.
    short = [str(source.place.with_suffix("")).casefold() for source in sources]
    alike, full = Counter(short), {str(source.place).casefold() for source in sources}
    targets = []
    for source, name in zip(sources, short, strict=True):
        stem = source.place.name if alike[name] > 1 or name in full else source.place.stem
        targets.append(Path(folder, source.place.parent, f"{stem}_{label}{suffix}"))
    return targets


def without_results(sources: Sequence[Source], targets: Sequence[Path]) -> list[Job]:
    """Pair sources and targets to jobs, and leave out pictures of folders that are the result of another picture.

    The results of earlier runs with another label or suffix are known by their names.
    """
    pairs = list(zip(sources, targets, strict=True))
    results = {os.path.abspath(target) for target in targets}
    # An earlier run may have shortened the name where this one does not, or the other way round.
    stems = {os.path.abspath(target.with_name(name)) for s, target in pairs for name in (s.place.stem, s.place.name)}

    def is_result(path):
        found = _RESULT.fullmatch(path)
        return path in results or (found is not None and found[1] in stems)

    return [Job(s.path, target) for s, target in pairs if s.named or not is_result(os.path.abspath(s.path))]


def require_apart(jobs: Sequence[Job], *, suffixes: Sequence[str] = WRITTEN_SUFFIXES) -> None:
    """Raise `InputError` if a target has none of the suffixes, is a folder, or would replace a source or a result.

    Names that differ only in upper and lower case are apart, unless the file system ignores case.
    """
    sources = {os.path.realpath(job.source) for job in jobs}
    written, written_in_any_case = {}, {}
    one_in_any_case = cache(ignores_case)
    for job in jobs:
        target = Path(job.target)
        if target.suffix.lower() not in suffixes:
            names = ", ".join(suffixes)
            raise InputError(f"{job.target}: give the output a name in {names}, or a folder's with / at its end")
        if os.path.realpath(target) in sources:
            raise InputError(f"{job.target}: this would replace an input; give the output another name")
        if os.path.isdir(target):
            raise InputError(f"{job.target} is a folder, so no result can be written there; rename or remove it")
        other = written.setdefault(target, job)
        if other.source != job.source:
            raise InputError(
                f"{job.target}: both {other.source} and {job.source} would be written there; upscale them separately"
            )
        other = written_in_any_case.setdefault(str(target).casefold(), job)
        if other.target != job.target and one_in_any_case(target.parent):
            raise InputError(
                f"{job.target}: the result of {other.source} has the same name but for upper and lower case, which may "
                f"be one file there; rename {job.source}, or upscale it into another folder"
            )


def require_writable(folder: Path) -> None:
    """Raise `InputError` if no results can be written in a folder, which need not exist yet.

    It is called before hours of work, which could otherwise be lost.
    """
    existing = nearest_existing(folder)
    if not existing.is_dir():
        raise InputError(f"{folder}: cannot be a folder, because {existing} is a file")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(f"{existing}: no permission to write in this folder")
