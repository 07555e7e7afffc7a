"""A clip in segments, and the folder that keeps those that are finished until all are."""

import json
import shutil
from pathlib import Path
from typing import NamedTuple

from jaxsr.errors import InputError
from jaxsr.files import replacing
from jaxsr.video.clip import Clip

# Frames of a segment at least, and at most where no key frame comes. What a kill can cost is one segment, and each
# begins with a key frame, of which x264 has one every 250 frames itself.
_LEAST, _MOST = 120, 240


class Segment(NamedTuple):
    """A part of a clip.

    Attributes:
      number: from 0.
      start: the time of its first frame.
      stop: the time that its frames are before.
      frames: how many there are, as far as the packets tell.
    """

    number: int
    start: int
    stop: int
    frames: int


def cut(clip: Clip, *, least: int = _LEAST, most: int = _MOST) -> list[Segment]:
    """A clip in segments that begin with key frames where they can, so that decoding can too.

    Args:
      clip: the clip.
      least: frames of a segment, but for the last.
      most: frames of a segment.
    """
    keys, starts = set(clip.keys), [0]
    for position, time in enumerate(clip.times):
        length = position - starts[-1]
        if length >= most or (length >= least and time in keys):
            starts.append(position)
    ends = [*starts[1:], len(clip.times)]
    edges = [*(clip.times[start] for start in starts), clip.times[-1] + 1]
    return [Segment(n, edges[n], edges[n + 1], ends[n] - starts[n]) for n in range(len(starts))]


def work_folder(target: Path) -> Path:
    """Where the segments of a result lie until it is whole."""
    return target.with_name(f".{target.name}.segments")


def segment_file(folder: Path, number: int) -> Path:
    """The file of a segment."""
    return folder / f"{number:06d}.nut"


def prepare(folder: Path, recipe: dict, *, anew: bool) -> None:
    """Make the folder of segments, or go on with the one of a run that ended.

    Args:
      folder: of `work_folder`.
      recipe: all that the segments depend on.
      anew: delete those of another recipe.

    Raises:
      InputError: there are segments of another recipe.
    """
    note = folder / "recipe.json"
    text = json.dumps(recipe, indent=1, sort_keys=True, default=str) + "\n"
    if note.exists() and note.read_text() != text:
        if not anew:
            raise InputError(
                f"{folder}: finished segments of another clip or of other options; give those again to go on, or "
                "--overwrite to begin again"
            )
        shutil.rmtree(folder)
    with replacing(note) as temporary:
        temporary.write_text(text)


def discard(folder: Path) -> None:
    """Delete the folder of segments."""
    shutil.rmtree(folder)
