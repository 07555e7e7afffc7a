"""The description of a clip: times, colours and geometry of its frames, and which clips are refused."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition

from jaxsr.errors import InputError
from jaxsr.imaging.encoding import HDR_CURVES
from jaxsr.video.color import BT709, UNSPECIFIED, Coding, check_matrix, usual_matrix
from jaxsr.video.ffmpeg import decoded, opened
from jaxsr.video.planes import PlaneLayout, layout_of

LIMITED_RANGE, _FULL_RANGE = 1, 2
# AVFieldOrder: the values above progressive are interlaced.
_PROGRESSIVE = 1


@dataclass(frozen=True)
class Clip:
    """The description of a clip.

    Attributes:
      path: the file.
      stream: index of its video stream.
      size: (height, width) as coded, before the display matrix turns it.
      layout: layout of the planes.
      coding: coding of the colours.
      tags: H.273's range, matrix, primaries and transfer for the result, as FFmpeg's numbers.
      sample_aspect: width of a pixel divided by its height; None if unknown.
      display_matrix: FFmpeg's 9 numbers that turn and mirror the picture; None if there are none.
      time_base: length of a unit of time, in seconds.
      rate: average number of frames per second.
      times: times of all frames that are shown, ascending, in units of time.
      keys: times of the key frames, at which decoding can start.
      last: duration of the last frame.
      notes: sentences for the user.
    """

    path: Path
    stream: int
    size: tuple[int, int]
    layout: PlaneLayout
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

    @property
    def turned(self) -> bool:
        """Whether the display matrix exchanges height and width, as for clips that a phone took upright."""
        return self.display_matrix is not None and abs(self.display_matrix[1]) > abs(self.display_matrix[0])


def open_clip(path: Path) -> Clip:
    """Read a clip's description from its headers, its first frame and the times of its packets.

    Raises:
      InputError: the file is not a clip, is interlaced, has frames without times or times that go back, or has an
        unknown colour coding.
      OSError: the file cannot be opened.
    """
    try:
        with opened(path) as container:
            stream = _video_stream(container, path)
            index, (times, keys, last) = stream.index, _times(container, stream, path)
        # The file is opened again, since not every format can seek back to its start.
        with opened(path) as container:
            stream = container.streams[index]
            frame = next(decoded(container.demux(stream)), None)
            if frame is None:
                raise InputError(f"{path}: none of its frames can be decoded")
            check_progressive(frame, stream.codec_context.field_order, path)
            return _described(path, stream, frame, times, keys, last)
    except OSError:
        raise
    except av.FFmpegError as error:
        raise InputError(f"{path}: not a clip that can be decoded") from error


def check_progressive(frame: av.VideoFrame, field_order: int, path: Path) -> None:
    """Raise `InputError` if a frame consists of two fields, which show different moments."""
    if frame.interlaced_frame or field_order > _PROGRESSIVE:
        raise InputError(
            f"{path}: interlaced; make whole frames from its fields first, for example with "
            f"`ffmpeg -i {path.name} -vf bwdif -c:v ffv1 -c:a copy progressive.mkv`"
        )


def times_go_back(path: Path) -> InputError:
    """The error for a clip whose times do not ascend."""
    return InputError(
        f"{path}: the times of its frames go back; make new times with "
        f"`ffmpeg -i {path.name} -fps_mode cfr -c:v ffv1 -c:a copy timed.mkv`"
    )


def _video_stream(container, path):
    streams = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not streams:
        raise InputError(f"{path}: there is no video in this file")
    if streams[0].codec_context is None:
        raise InputError(f"{path}: its video is in a codec that FFmpeg does not decode here")
    return streams[0]


def _times(container, stream, path):
    """Times of all frames and of key frames, ascending, and the duration of the last frame."""
    times, keys, durations, decoded = [], [], {}, None
    for packet in container.demux(stream):
        if not packet.size:
            continue
        # Two recordings one behind the other, each with its own times. Times at which frames are shown can go back.
        if packet.dts is not None:
            if decoded is not None and packet.dts < decoded:
                raise times_go_back(path)
            decoded = packet.dts
        if packet.is_discard:
            # A cut without encoding hides the frames before it. Decoding still has to start at their key frame.
            if packet.is_keyframe and packet.pts is not None:
                keys.append(packet.pts)
            continue
        if packet.pts is None:
            raise InputError(
                f"{path}: its frames have no times; add them with `ffmpeg -fflags +genpts -i {path.name} -c copy "
                "timed.mkv`"
            )
        if packet.is_keyframe:
            keys.append(packet.pts)
        # What is only referred to has packets of its own in VP8, without the bit show_frame (RFC 6386, section 9.1).
        if stream.codec_context.name == "vp8" and not memoryview(packet)[0] & 0x10:
            continue
        times.append(packet.pts)
        durations[packet.pts] = packet.duration
    if not times:
        raise InputError(f"{path}: its video stream has no frames")
    times = sorted(set(times))
    usual = times[-1] - times[-2] if len(times) > 1 else 1
    return tuple(times), tuple(sorted(keys)), durations[times[-1]] or usual


def _described(path, stream, frame, times, keys, last):
    layout = layout_of(frame.format)
    size = (frame.height, frame.width)
    named = frame.colorspace if layout.kind == "yuv" else BT709
    matrix = usual_matrix(size) if named == UNSPECIFIED else named
    check_matrix(matrix, name=str(path))
    # FFmpeg's names for JPEG's range. H.264 has it too, with chroma where MPEG places it.
    jpeg = frame.format.name.startswith("yuvj")
    full = jpeg or frame.color_range == _FULL_RANGE or (frame.color_range == 0 and layout.kind != "yuv")
    # Always name the matrix. Without it, players would assume another one for the larger result.
    tags = (_FULL_RANGE if jpeg else frame.color_range, matrix, frame.color_primaries, frame.color_trc)
    notes = ["transparency is not kept"] if any(c.is_alpha for c in frame.format.components) else []
    if frame.color_trc in HDR_CURVES:
        notes.append(f"HDR ({HDR_CURVES[frame.color_trc]}): upscaled as coded; mastering metadata is not copied")
    return Clip(
        path=path,
        stream=stream.index,
        size=size,
        layout=layout,
        coding=Coding(matrix, full, cosited=stream.codec_context.name != "mjpeg"),
        tags=tags,
        sample_aspect=stream.sample_aspect_ratio,
        display_matrix=_display_matrix(frame),
        time_base=stream.time_base,
        rate=stream.average_rate
        or stream.guessed_rate
        or Fraction(len(times), times[-1] - times[0] + last) / stream.time_base,
        times=times,
        keys=keys,
        last=last,
        notes=tuple(notes),
    )


def _display_matrix(frame):
    found = [data for data in frame.side_data if data.type.name == "DISPLAYMATRIX"]
    return tuple(map(int, np.frombuffer(bytes(found[0]), np.int32)[:9])) if found else None
