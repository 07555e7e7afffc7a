"""Calls of FFmpeg's libraries that need care: names of files, damaged packets, and the priority of the thread."""

import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer


def location(path: Path) -> str:
    """The path for FFmpeg, which takes what stands before a colon for a protocol, unless it has a slash."""
    return os.path.join(".", path) if ":" in str(path) else str(path)


def opened(path: Path) -> InputContainer:
    """Open a clip. Bytes of its metadata that are not UTF-8 become surrogates, which can be written as they were."""
    return av.open(location(path), metadata_errors="surrogateescape")


def decoded(packets: Iterable[av.Packet]) -> Iterator[av.VideoFrame]:
    """Yield the frames of a video stream's packets. Those that cannot be decoded are skipped, as players do.

    Raises:
      OSError: the clip can no longer be read.
    """
    for packet in packets:
        try:
            frames = packet.decode()
        except OSError:
            raise
        except av.FFmpegError:
            continue
        yield from frames


@contextmanager
def usual_priority() -> Generator[None]:
    """Give the thread back the priority that it had, once a library has opened an encoder.

    Root's SVT-AV1 makes the thread that opens it a real-time one, as are then all processes that this one starts, and
    everything else on the machine stands still.
    """
    before = _priority()
    try:
        yield
    finally:
        if before is not None and _priority() != before:
            policy, priority = before
            os.sched_setscheduler(0, policy, os.sched_param(priority))


def _priority():
    """(policy, priority) of this thread; None where the system does not tell, such as musl's and macOS."""
    try:
        return os.sched_getscheduler(0), os.sched_getparam(0).sched_priority
    except (AttributeError, OSError):
        return None
