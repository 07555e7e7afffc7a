"""Which inputs are clips, and where their results go. This module works without the extra `video`."""

import os
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from jaxsr.errors import InputError, needing
from jaxsr.upscaling.plan import Job, Source, name_results, require_apart, require_names, require_writable

# Container formats of results, by FFmpeg's names.
WRITTEN_FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
_READ_ONLY = (".3gp", ".avi", ".flv", ".m2ts", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts", ".wmv", ".y4m")
CLIP_SUFFIXES = (*WRITTEN_FORMATS, *_READ_ONLY)


def are_clips(inputs: Sequence[str]) -> bool:
    """Whether the inputs are clips, by the suffixes of their names.

    Raises:
      InputError: only some of them are.
    """
    clips = [path for path in inputs if Path(path).suffix.lower() in CLIP_SUFFIXES and not os.path.isdir(path)]
    if clips and len(clips) < len(inputs):
        raise InputError(f"{clips[0]}: a clip among pictures; upscale clips and pictures with separate commands")
    return bool(clips)


def check_flags(clips: bool, of_clips: dict[str, Any], of_pictures: dict[str, Any]) -> None:
    """Raise `InputError` if a flag of the other kind is given. Flags that are not given are None or False."""
    kind, flags = ("pictures", of_pictures) if clips else ("clips", of_clips)
    for name, value in flags.items():
        if value is not None and value is not False:
            raise InputError(f"--{name.replace('_', '-')} is for {kind}: leave it out")


def import_clips() -> ModuleType:
    """Import `jaxsr.video.clips`.

    Raises:
      InputError: the extra `video` is not installed.
    """
    with needing("clips need PyAV", {"av": "video"}):
        from jaxsr.video import clips

        return clips


def plan_clips(inputs: Sequence[str], output: str, *, label: str) -> list[Job]:
    """One job for each clip.

    Args:
      inputs: clips.
      output: for one clip, the file to write. Otherwise a folder, which gets NAME_x4.mp4 for the clip NAME.mp4. Clips
        in formats that are only read become .mkv.
      label: end of those names, such as "x4".

    Raises:
      InputError: a result would replace a source or another result, or its suffix or its folder cannot be written.
    """
    require_names(inputs, output)
    folder = output.endswith(("/", os.sep)) or Path(output).is_dir()
    if len(inputs) == 1 and not folder:
        jobs = [Job(Path(inputs[0]), Path(output))]
    elif Path(output).suffix.lower() in WRITTEN_FORMATS and not folder:
        raise InputError(f"{output}: name a folder to put the results of several clips in")
    else:
        sources = [Source(path, Path(path.name), True) for path in dict.fromkeys(map(Path, inputs))]
        jobs = []
        for source, name in zip(sources, name_results(sources, output, label=label, suffix=""), strict=True):
            suffix = source.path.suffix if source.path.suffix.lower() in WRITTEN_FORMATS else ".mkv"
            jobs.append(Job(source.path, name.with_name(name.name + suffix)))
    require_apart(jobs, suffixes=tuple(WRITTEN_FORMATS))
    require_writable(Path(jobs[0].target).parent)
    return jobs
