"""A clip file in, a clip file out. Finished segments are kept in a folder until the result is complete."""

import os
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np

from jaxsr.errors import InputError
from jaxsr.upscaling.choice import Choice
from jaxsr.upscaling.size import ResultSize
from jaxsr.upscaling.upscaler import AnyUpscaler, Upscaler
from jaxsr.video.clip import Clip, open_clip
from jaxsr.video.color import rgb_from_planes
from jaxsr.video.decoding import decode
from jaxsr.video.encoding import VideoEncoding, choose_encoding
from jaxsr.video.holding import check_streams
from jaxsr.video.joining import join
from jaxsr.video.pipeline import Tally, enlarger, upscale_segments
from jaxsr.video.segments import Segment, cut, prepare, segment_file, work_folder
from jaxsr.video.trim import Span, trimmed


@dataclass(frozen=True)
class Wishes:
    """What the user wants of the result. Attributes that are not explained are arguments of `choose_encoding`.

    Attributes:
      size: maps a clip's (height, width), as it is shown, to those of its result; None for the upscaler's scale.
      trim: the part to upscale; None for the whole clip.
      network: the options that describe the network, in JSON's types.
    """

    size: ResultSize | None = None
    codec: str | None = None
    crf: float | None = None
    preset: str | None = None
    trim: Span | None = None
    network: dict[str, Any] = field(default_factory=dict)


class Planned(NamedTuple):
    """A clip that is ready to be upscaled.

    Attributes:
      clip: the clip, trimmed.
      target: the file to write.
      upscaler: the network.
      choice: why this network was chosen; None if it was named.
      encoding: encoding of the result.
      segments: all segments of the clip.
      folder: folder of the segments' files.
      shift: whether the clip was trimmed; see `join`.
    """

    clip: Clip
    target: Path
    upscaler: Upscaler
    choice: Choice | None
    encoding: VideoEncoding
    segments: list[Segment]
    folder: Path
    shift: bool

    @property
    def left(self) -> list[Segment]:
        """The segments that have no file yet."""
        return [segment for segment in self.segments if not segment_file(self.folder, segment.number).exists()]


def plan_clip(upscaler: AnyUpscaler, source: Path, target: Path, wishes: Wishes, *, anew: bool = False) -> Planned:
    """Read a clip, and make the folder for its segments or find the segments of an earlier run.

    Segments that were made with other wishes are deleted if `anew`, and otherwise refused.

    Raises:
      InputError: the clip cannot be upscaled or the result cannot be written; see `open_clip`, `choose_encoding`,
        `check_streams` and `prepare`.
      OSError: the clip cannot be read, or the segments cannot be written.
    """
    clip = open_clip(source)
    if wishes.trim is not None:
        clip = trimmed(clip, wishes.trim)
    to = _size_as_coded(clip, wishes.size) if wishes.size else None
    upscaler, choice = upscaler.fitting(_middle(clip), to=to)
    size = to or _size_as_coded(clip, upscaler.target)
    options = {"codec": wishes.codec, "crf": wishes.crf, "preset": wishes.preset}
    encoding = choose_encoding(clip, size, target.suffix.lower(), **options)
    clip = replace(clip, notes=(*clip.notes, *check_streams(clip, target, encoding)))
    folder = work_folder(target)
    prepare(folder, _recipe(clip, upscaler, encoding, wishes), anew=anew)
    return Planned(clip, target, upscaler, choice, encoding, cut(clip), folder, wishes.trim is not None)


def upscale_clip(planned: Planned, *, progress: Callable[[], object] = lambda: None) -> Tally:
    """Upscale the segments that are left, and write the result, which appears complete or not at all.

    `progress` is called after each frame.

    Raises:
      InputError: see `decode`.
      OSError: the disk is full, or the clip can no longer be read.
    """
    enlarge = enlarger(planned.upscaler, planned.clip, planned.encoding)
    tally = upscale_segments(planned.clip, planned.left, enlarge, planned.encoding, planned.folder, progress=progress)
    tally.lost = finish(planned)
    return tally


def finish(planned: Planned) -> int:
    """Join the segments to the result, and delete them.

    Returns:
      The number of packets that gave no frame. They are damaged, refer to damaged ones, or were never to be shown.

    Raises:
      InputError: no frame could be decoded.
      OSError: the disk is full.
    """
    # A segment in which nothing can be decoded has no file.
    files = [segment_file(planned.folder, segment.number) for segment in planned.segments]
    files = [file for file in files if file.exists()]
    if not files:
        raise InputError(f"{planned.clip.path}: none of its frames can be decoded")
    frames = join(planned.clip, files, planned.target, planned.encoding, shift=planned.shift)
    shutil.rmtree(planned.folder)
    return len(planned.clip.times) - frames


def _size_as_coded(clip, target):
    """The (height, width) to encode, where `target` speaks of the picture as it is shown, after it was turned."""
    if not clip.turned:
        return target(clip.size)
    height, width = clip.size
    shown_height, shown_width = target((width, height))
    return shown_width, shown_height


def _middle(clip):
    """A frame from the middle as RGB, since clips often begin and end in black. If damaged from there, the first."""
    for start in (clip.times[len(clip.times) // 2], clip.times[0]):
        with closing(decode(clip, start, clip.times[-1] + 1)) as frames:
            for frame in frames:
                return np.asarray(rgb_from_planes(frame.planes, clip.layout, clip.coding))
    raise InputError(f"{clip.path}: none of its frames can be decoded")


def _recipe(clip, upscaler, encoding, wishes):
    """Everything that the segments depend on."""
    status = os.stat(clip.path)
    return {
        "clip": [str(clip.path.absolute()), status.st_size, status.st_mtime_ns],
        "network": {"name": upscaler.name, "card": upscaler.card, **wishes.network},
        "codec": [encoding.codec, encoding.options, encoding.layout.name, encoding.size],
        "times": [clip.times[0], clip.times[-1]],
        "libraries": [av.__version__, av.library_versions],
    }
