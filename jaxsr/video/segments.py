"""The segments of a clip, and the folder that keeps finished segments until all are finished."""

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from jaxsr.errors import InputError
from jaxsr.files import LONGEST_NAME, replacing, shortened
from jaxsr.video.clip import Clip

# Fewest frames of a segment, except the last, and most frames if no key frame comes. A killed run loses one segment at
# most. Each segment begins with a key frame, which costs little: x264 itself inserts one every 250 frames.
_LEAST, _MOST = 120, 240


class Segment(NamedTuple):
    """A part of a clip.

    Attributes:
      number: from 0.
      start: the time of its first frame.
      stop: time before which all its frames are shown.
      frames: number of frames, as the packets tell.
    """

    number: int
    start: int
    stop: int
    frames: int


def cut(clip: Clip) -> list[Segment]:
    """Divide a clip into segments. They begin at key frames where possible, so that decoding can start there."""
    keys, starts = set(clip.keys), [0]
    for position, time in enumerate(clip.times):
        length = position - starts[-1]
        if length >= _MOST or (length >= _LEAST and time in keys):
            starts.append(position)
    ends = [*starts[1:], len(clip.times)]
    edges = [*(clip.times[start] for start in starts), clip.times[-1] + 1]
    return [Segment(n, edges[n], edges[n + 1], ends[n] - starts[n]) for n in range(len(starts))]


def work_folder(target: Path) -> Path:
    """The folder of a result's segments until the result is complete."""
    return target.with_name(f".{shortened(target.name, room=LONGEST_NAME - len('..segments'))}.segments")


def segment_file(folder: Path, number: int) -> Path:
    """The file of a segment."""
    return folder / f"{number:06d}.nut"


def prepare(folder: Path, recipe: dict[str, Any], *, anew: bool) -> None:
    """Make the folder of segments, or reuse the folder of an earlier run. Segments without a recipe are deleted.

    The recipe is everything that the segments depend on. Segments of another one are deleted if `anew`.

    Raises:
      InputError: the folder holds segments of another recipe, and it is not `anew`.
    """
    note = folder / "recipe.json"
    text = json.dumps(recipe, indent=1, sort_keys=True, default=str) + "\n"
    found = note.read_text() if note.exists() else None
    if found not in (None, text) and not anew:
        raise InputError(
            f"{folder}: finished segments of another clip or of other options; give the same options to resume, or "
            "--overwrite to begin again"
        )
    if found != text and folder.exists():
        shutil.rmtree(folder)
    with replacing(note) as temporary:
        temporary.write_text(text)
