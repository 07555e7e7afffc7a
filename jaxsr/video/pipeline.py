"""Decoding, network and encoding, each in its own thread, with few frames between them."""

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from jaxsr.upscaling.tiling import Progress
from jaxsr.upscaling.upscaler import Upscaler
from jaxsr.video.clip import Clip
from jaxsr.video.color import planes_from_rgb, rgb_from_planes
from jaxsr.video.decoding import decode
from jaxsr.video.encoding import VideoEncoding, segment_writer
from jaxsr.video.planes import Planes
from jaxsr.video.segments import Segment, segment_file

Item = TypeVar("Item")

# Frames that are computed ahead: small ones for the network, large ones for the encoder.
_DECODED, _UPSCALED = 8, 4


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
    enlarge: Callable[[Planes, Progress], Planes],
    encoding: VideoEncoding,
    folder: Path,
    *,
    progress: Callable[[], object] = lambda: None,
) -> Tally:
    """Upscale segments of a clip, in ascending order, each to its own file in a folder.

    `enlarge` is an `enlarger`, and `progress` is called after each frame.
    """
    tally, stopped = Tally(), threading.Event()
    decoded = ahead(_decoded(clip, segments, tally), most=_DECODED)
    frames = ahead(_upscaled(decoded, enlarge, tally, stopped), most=_UPSCALED)
    # Close the frames even if the encoder fails, so that the threads end, the network's within a tile.
    with ExitStack() as stack:
        stack.enter_context(closing(frames))
        stack.callback(stopped.set)
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


def enlarger(upscaler: Upscaler, clip: Clip, encoding: VideoEncoding) -> Callable[..., Planes]:
    """A function from the planes of a clip's frame, and perhaps a `Progress`, to the planes of its result."""

    def enlarge(planes, progress=None):
        rgb = np.asarray(rgb_from_planes(planes, clip.layout, clip.coding))
        larger = upscaler(rgb, size=encoding.size, progress=progress)
        return tuple(map(np.asarray, planes_from_rgb(larger, encoding.layout, encoding.coding)))

    return enlarge


def ahead(items: Generator[Item], *, most: int) -> Generator[Item]:
    """Yield the same items, of which `most` are computed ahead in a thread. Errors of the thread are raised here.

    When this generator is closed, so is that of the items.
    """
    end = object()
    pool = ThreadPoolExecutor(max_workers=1)
    try:
        coming: deque[Future[Any]] = deque(pool.submit(next, items, end) for _ in range(most))
        while (item := coming.popleft().result()) is not end:
            coming.append(pool.submit(next, items, end))
            yield item
    finally:
        pool.shutdown(cancel_futures=True)
        items.close()


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


def _upscaled(frames, enlarge, tally, stopped):
    """Yield the same with the planes of the result. A frame that equals the one before is not computed again."""
    before = result = None

    def check(done, total):
        if stopped.is_set():
            raise CancelledError

    with closing(frames):
        for number, shown, planes in frames:
            if before is not None and all(map(np.array_equal, planes, before)):
                tally.held += 1
            else:
                start = time.perf_counter()
                result = enlarge(planes, check)
                tally.network += time.perf_counter() - start
                before = planes
            yield number, shown, result
