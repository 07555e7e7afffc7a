"""What a clip is: its frames' times, colours and place on the screen, and what is refused."""

import itertools
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition

from jaxsr.errors import InputError
from jaxsr.video.color import BT709, UNSPECIFIED, Coding, check_matrix, usual_matrix
from jaxsr.video.planes import Layout, layout_of

LIMITED_RANGE, _FULL_RANGE = 1, 2
# AVFieldOrder: above progressive are the interlaced ones.
_PROGRESSIVE = 1
_COPIED = ("audio", "subtitle", "attachment")
_HDR = {16: "PQ", 18: "HLG"}


@dataclass(frozen=True)
class Clip:
    """A clip.

    Attributes:
      path: the file.
      stream: index of its video stream.
      size: (height, width) as coded, before the display matrix turns it.
      layout: of its planes.
      coding: of its colours.
      tags: H.273's range, matrix, primaries and transfer for the result, in FFmpeg's numbers.
      sample_aspect: width of a pixel by its height; None if unknown.
      display_matrix: FFmpeg's 9 numbers that turn and mirror the picture; None for none.
      time_base: seconds of a unit of time.
      rate: frames a second, on average.
      times: of all frames that are shown, ascending.
      keys: those of them that decoding can begin with.
      last: how long the last one is shown.
      notes: what a person should know.
    """

    path: Path
    stream: int
    size: tuple[int, int]
    layout: Layout
    coding: Coding
    tags: tuple[int, int, int, int]
    sample_aspect: Fraction | None
    display_matrix: tuple[int, ...] | None
    time_base: Fraction
    rate: Fraction
    times: tuple[int, ...]
    keys: tuple[int, ...]
    last: int
    notes: tuple[str, ...]


def open_clip(path: Path) -> Clip:
    """Read all there is to know, from the headers, the first frame and the packets' times.

    Raises:
      InputError: it is no clip, is interlaced, has frames without times, or colours that are not known.
      OSError: it cannot be opened.
    """
    try:
        with av.open(str(path)) as container:
            stream = _video_stream(container, path)
            index, (times, keys, last) = stream.index, _times(container, stream, path)
        # Anew, since not every format can be wound back.
        with av.open(str(path)) as container:
            stream = container.streams[index]
            frame = next(container.decode(stream), None)
            if frame is None:
                raise InputError(f"{path}: no frame of it can be decoded")
            check_progressive(frame, stream.codec_context.field_order, path)
            return _described(path, container, stream, frame, times, keys, last)
    except (av.InvalidDataError, av.EOFError) as error:
        raise InputError(f"{path}: not a clip that can be decoded") from error


def check_progressive(frame: av.VideoFrame, field_order: int, path: Path) -> None:
    """Raise `InputError` if a frame consists of two fields, which are pictures of different moments."""
    if frame.interlaced_frame or field_order > _PROGRESSIVE:
        raise InputError(
            f"{path}: interlaced; make whole frames of its fields first, as with `ffmpeg -i {path.name} -vf bwdif "
            "-c:v ffv1 -c:a copy progressive.mkv`"
        )


def _video_stream(container, path):
    streams = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not streams:
        raise InputError(f"{path}: there is no video in this file")
    if streams[0].codec_context is None:
        raise InputError(f"{path}: its video is in a codec that FFmpeg does not decode here")
    return streams[0]


def _times(container, stream, path):
    """Times of all frames and of key frames, ascending, and how long the last is shown."""
    times, keys, durations = [], [], {}
    for packet in container.demux(stream):
        if not packet.size or packet.is_discard:
            continue
        if packet.pts is None:
            raise InputError(
                f"{path}: frames without times; give them some with `ffmpeg -fflags +genpts -i {path.name} -c copy "
                "timed.mkv`"
            )
        times.append(packet.pts)
        durations[packet.pts] = packet.duration
        if packet.is_keyframe:
            keys.append(packet.pts)
    if not times:
        raise InputError(f"{path}: there is no frame in its video stream")
    times = sorted(set(times))
    usual = times[-1] - times[-2] if len(times) > 1 else 1
    return tuple(times), tuple(sorted(keys)), durations[times[-1]] or usual


def _described(path, container, stream, frame, times, keys, last):
    layout = layout_of(frame.format)
    size = (frame.height, frame.width)
    named = frame.colorspace if layout.kind == "yuv" else BT709
    matrix = usual_matrix(size) if named == UNSPECIFIED else named
    check_matrix(matrix, name=str(path))
    jpeg = frame.format.name.startswith("yuvj")
    full = jpeg or frame.color_range == _FULL_RANGE or (frame.color_range == 0 and layout.kind != "yuv")
    # The matrix is always named: players would take another for the result, since it is larger.
    tags = (_FULL_RANGE if jpeg else frame.color_range, matrix, frame.color_primaries, frame.color_trc)
    others = [s for s in container.streams if s.index != stream.index and s.type not in _COPIED]
    notes = [f"stream {other.index} ({other.type}) is not copied" for other in others]
    notes += ["its transparency is left out"] if any(c.is_alpha for c in frame.format.components) else []
    if frame.color_trc in _HDR:
        notes.append(f"HDR ({_HDR[frame.color_trc]}): upscaled as it is coded; mastering metadata is not copied")
    return Clip(
        path=path,
        stream=stream.index,
        size=size,
        layout=layout,
        coding=Coding(matrix, full, cosited=not jpeg),
        tags=tags,
        sample_aspect=stream.sample_aspect_ratio,
        display_matrix=_display_matrix(frame),
        time_base=stream.time_base,
        rate=stream.average_rate or stream.guessed_rate or _mean_rate(times, last, stream.time_base),
        times=times,
        keys=keys,
        last=last,
        notes=tuple(notes),
    )


def _mean_rate(times, last, time_base):
    return Fraction(len(times), times[-1] - times[0] + last) / time_base


def _display_matrix(frame):
    found = [data for data in frame.side_data if data.type.name == "DISPLAYMATRIX"]
    return tuple(map(int, np.frombuffer(bytes(found[0]), np.int32)[:9])) if found else None


def key_before(clip: Clip, time: int) -> int:
    """The time of the frame that decoding begins with for what follows this time."""
    return max(itertools.takewhile(lambda key: key <= time, clip.keys), default=clip.times[0])
