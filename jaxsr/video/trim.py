"""The flag --trim, which selects a part of a clip."""

import re
from dataclasses import replace
from fractions import Fraction

from jaxsr.errors import InputError
from jaxsr.video.clip import Clip

Span = tuple[Fraction, Fraction | None]


def parse_trim(text: str) -> Span:
    """Start and end in seconds, from "10-20", "1:05-1:20.5", "10-" or "-20". None is the end of the clip.

    Raises:
      InputError: the text is not such a span.
    """
    time = r"((?:\d+:){0,2}\d+(?:\.\d+)?)?"
    found = re.fullmatch(f"{time}-{time}", text.strip())
    start, stop = map(_seconds, found.groups()) if found else (None, None)
    if (start is None and stop is None) or (stop is not None and stop <= (start or 0)):
        raise InputError(
            f"--trim {text}: give start and end as 10-20 or 1:05-1:20.5, or only one of them as 10- or -20"
        )
    return start or Fraction(0), stop


def _seconds(text):
    if text is None:
        return None
    return sum(60**power * Fraction(part) for power, part in enumerate(reversed(text.split(":"))))


def trimmed(clip: Clip, span: Span) -> Clip:
    """The clip with only the frames in a span, in seconds from the first frame. None is the end.

    Raises:
      InputError: no frame is in the span.
    """
    start, stop = span
    begin = clip.times[0] + start / clip.time_base
    end = clip.times[-1] + 1 if stop is None else clip.times[0] + stop / clip.time_base
    kept = tuple(time for time in clip.times if begin <= time < end)
    if not kept:
        length = float((clip.times[-1] - clip.times[0]) * clip.time_base)
        raise InputError(f"{clip.path}: --trim leaves no frame of its {length:.2f} seconds; give times within them")
    position = clip.times.index(kept[-1]) + 1
    last = clip.times[position] - kept[-1] if position < len(clip.times) else clip.last
    return replace(clip, times=kept, last=last)
