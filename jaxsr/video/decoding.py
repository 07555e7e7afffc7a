"""The frames of a part of a clip."""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import av

from jaxsr.errors import InputError
from jaxsr.video.clip import Clip, check_progressive, key_before
from jaxsr.video.planes import Planes, planes_of


class Decoded(NamedTuple):
    """A frame.

    Attributes:
      time: when it is shown, in the clip's units.
      planes: in the clip's layout.
    """

    time: int
    planes: Planes


def decode(clip: Clip, start: int, stop: int) -> Iterator[Decoded]:
    """The frames shown from one time on until before another, in this order.

    What cannot be decoded is left out, as players do.

    Raises:
      InputError: a frame is interlaced, has another size than the first or an earlier time than the one before.
    """
    previous = None
    for frame in _frames(clip, key_before(clip, start)):
        check_progressive(frame, 0, clip.path)
        if frame.pts is None or (previous is not None and frame.pts <= previous):
            raise InputError(
                f"{clip.path}: its frames' times go back; make new ones with `ffmpeg -i {clip.path.name} -fps_mode cfr "
                "-c:v ffv1 -c:a copy timed.mkv`"
            )
        if (frame.height, frame.width) != clip.size:
            at = float((frame.pts - clip.times[0]) * clip.time_base)
            raise InputError(f"{clip.path}: its size changes at {at:.2f} seconds; upscale the parts apart with --trim")
        previous = frame.pts
        if frame.pts >= stop:
            return
        if frame.pts >= start:
            yield Decoded(frame.pts, planes_of(frame, clip.layout))


def _frames(clip, key):
    """All frames from a key frame on."""
    # A seek that leads past the key frame is no use; then what comes before it is read, not decoded.
    for seek in (True, False):
        with av.open(str(clip.path)) as container:
            stream = container.streams[clip.stream]
            stream.thread_type = "AUTO"
            if seek:
                container.seek(key, stream=stream)
            packets = itertools.dropwhile(lambda packet: packet.pts != key, container.demux(stream))
            first = next(packets, None)
            if first is None:
                continue
            for packet in itertools.chain([first], packets):
                try:
                    frames = packet.decode()
                except av.InvalidDataError:
                    continue
                yield from frames
            return
