"""Decoding, network and encoding, each in its own thread, with short queues of frames between them."""

import itertools
import queue
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import TypeVar

import numpy as np

from jaxsr.upscaling.upscaler import Upscaler
from jaxsr.video.clip import Clip
from jaxsr.video.color import planes_from_rgb, rgb_from_planes
from jaxsr.video.decoding import decode
from jaxsr.video.encoding import Encoding, segment_writer
from jaxsr.video.planes import Planes
from jaxsr.video.segments import Segment, segment_file

Item = TypeVar("Item")

# Frames that wait at most: small ones for the network, large ones for the encoder.
_DECODED, _UPSCALED = 8, 3


@dataclass
class Tally:
    """The time that each thread worked, and the frames that were made.

    Attributes:
      decoding: seconds of decoding.
      network: seconds of the network, with the conversion to RGB and back.
      encoding: seconds of encoding.
      frames: number of frames written.
      held: number of those that equal the frame before, and were not computed again.
      lost: number of packets of the whole clip that gave no frame.
    """

    decoding: float = 0.0
    network: float = 0.0
    encoding: float = 0.0
    frames: int = 0
    held: int = 0
    lost: int = 0


def upscale_segments(
    clip: Clip,
    segments: Sequence[Segment],
    enlarge: Callable[[Planes], Planes],
    encoding: Encoding,
    folder: Path,
    *,
    progress: Callable[[], object] = lambda: None,
) -> Tally:
    """Upscale segments of a clip, each to its own file.

    Args:
      clip: the clip.
      segments: segments of the clip, ascending.
      enlarge: maps planes of the clip to planes of the result, see `enlarger`.
      encoding: encoding of the result.
      folder: folder for the files.
      progress: called after each frame.
    """
    tally = Tally()
    frames = ahead(_upscaled(ahead(_decoded(clip, segments, tally), most=_DECODED), enlarge, tally), most=_UPSCALED)
    # Close the frames even if the encoder fails, so that the threads end.
    with closing(frames):
        for number, group in itertools.groupby(frames, key=itemgetter(0)):
            with segment_writer(segment_file(folder, number), encoding) as write:
                for _, shown, planes in group:
                    start = time.perf_counter()
                    write(shown, planes)
                    tally.encoding += time.perf_counter() - start
                    tally.frames += 1
                    progress()
                start = time.perf_counter()
            tally.encoding += time.perf_counter() - start
    return tally


def enlarger(upscaler: Upscaler, clip: Clip, encoding: Encoding) -> Callable[[Planes], Planes]:
    """A function from the planes of a clip's frame to the planes of its result.

    Args:
      upscaler: the network.
      clip: the clip.
      encoding: encoding of the result.
    """

    def enlarge(planes):
        rgb = np.asarray(rgb_from_planes(planes, clip.layout, clip.coding))
        larger = upscaler(rgb, size=encoding.size)
        return tuple(map(np.asarray, planes_from_rgb(larger, encoding.layout, encoding.coding)))

    return enlarge


def ahead(items: Generator[Item], *, most: int) -> Generator[Item]:
    """Yield the same items, computed ahead in a thread. Errors of the thread are raised here.

    Args:
      items: a generator. It is closed in the thread when this one is closed.
      most: largest number of items that wait.
    """
    waiting: queue.Queue = queue.Queue(most)
    stopped = threading.Event()

    def put(entry):
        while not stopped.is_set():
            try:
                return waiting.put(entry, timeout=0.1)
            except queue.Full:
                continue

    def make():
        try:
            for item in items:
                put((item, None))
                if stopped.is_set():
                    break
            put((None, StopIteration()))
        except BaseException as error:
            put((None, error))
        finally:
            items.close()

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    try:
        while True:
            item, error = waiting.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item
    finally:
        stopped.set()
        thread.join()


def _decoded(clip, segments, tally):
    """Yield (number of the segment, time, planes) of all frames. Consecutive segments are decoded in one pass."""
    for run in _runs(segments):
        frames = decode(clip, run[0].start, run[-1].stop)
        remaining = iter(run)
        segment = next(remaining)
        while True:
            start = time.perf_counter()
            frame = next(frames, None)
            tally.decoding += time.perf_counter() - start
            if frame is None:
                break
            while frame.time >= segment.stop:
                segment = next(remaining)
            yield segment.number, *frame


def _runs(segments):
    runs = []
    for segment in segments:
        if runs and runs[-1][-1].number + 1 == segment.number:
            runs[-1].append(segment)
        else:
            runs.append([segment])
    return runs


def _upscaled(frames, enlarge, tally):
    """Yield the same with the planes of the result. A frame that equals the one before is not computed again."""
    before = result = None
    try:
        for number, shown, planes in frames:
            if before is not None and all(map(np.array_equal, planes, before)):
                tally.held += 1
            else:
                start = time.perf_counter()
                result = enlarge(planes)
                tally.network += time.perf_counter() - start
                before = planes
            yield number, shown, result
    finally:
        frames.close()
