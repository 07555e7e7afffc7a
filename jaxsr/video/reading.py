"""Opening of clips, and decoding of their packets, some of which may be damaged."""

import os
from collections.abc import Iterable, Iterator
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
