"""Reading and writing of animated PNGs (PNG, third edition, sections 4.9 and 11.3.6)."""

import io
import os
import struct
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import BinaryIO

import numpy as np
import pyvips

from jaxsr.imaging.png.chunks import (
    SIGNATURE,
    Chunk,
    chunk,
    chunks_of,
    insert_at_end,
    insert_before_pixels,
    read_chunks,
)
from jaxsr.imaging.png.deflate import Compression
from jaxsr.imaging.png.writing import write_png

_ANIMATION, _CONTROL, _DATA = b"acTL", b"fcTL", b"fdAT"
# Sequence number, width, height, left, top, delay's numerator and denominator, disposal, blending.
_FRAME = struct.Struct(">5L2H2B")
_TO_CLEAR, _TO_PREVIOUS, _OVER = 1, 2, 1
_ANY = 2**31 - 1


def frame_count(path: str | os.PathLike) -> int:
    """The number of frames of an animated PNG; 1 for any other file."""
    for _, body in read_chunks(path, (_ANIMATION,)):
        return struct.unpack_from(">L", body)[0] if len(body) == 8 else 1
    return 1


def read_apng(path: str | os.PathLike) -> tuple[list[np.ndarray], list[float], int]:
    """Decode an animated PNG.

    Returns:
      The frames as they are shown, [H, W, C] uint8 or uint16: each is its own part, composed on what the previous frame
      left. Then the milliseconds for which each frame is shown, and how often the animation plays, 0 for endlessly.

    Raises:
      ValueError: the animation is broken.
      pyvips.Error: the pixels of a frame are broken.
    """
    chunks = list(read_chunks(path, (b"IHDR", b"PLTE", b"tRNS", b"IDAT", _ANIMATION, _CONTROL, _DATA), largest=_ANY))
    found = dict(chunks)
    header = found[b"IHDR"]
    shared = [(kind, found[kind]) for kind in (b"PLTE", b"tRNS") if kind in found]
    width, height = struct.unpack_from(">LL", header)
    count, plays = struct.unpack(">LL", found[_ANIMATION])
    frames = list(_frames(chunks))
    if not frames or len(frames) < count:
        raise ValueError(f"{len(frames)} of its {count} frames are there")
    shown, durations, canvas = [], [], None
    for control, data in frames:
        _, wide, tall, left, top, numerator, denominator, disposal, blending = _FRAME.unpack(control)
        if left + wide > width or top + tall > height:
            raise ValueError("a frame extends beyond the picture")
        pixels = _pixels([(b"IHDR", struct.pack(">LL", wide, tall) + header[8:]), *shared, (b"IDAT", data)])
        if canvas is None:
            canvas = np.zeros((height, width, pixels.shape[2]), pixels.dtype)
        place = (slice(top, top + tall), slice(left, left + wide))
        before = canvas[place].copy()
        canvas[place] = _over(pixels, before) if blending == _OVER else pixels
        shown.append(canvas.copy())
        durations.append(1000 * numerator / (denominator or 100))
        if disposal == _TO_CLEAR or (disposal == _TO_PREVIOUS and len(shown) == 1):
            canvas[place] = 0
        elif disposal == _TO_PREVIOUS:
            canvas[place] = before
    return shown, durations, plays


def add_frames(
    file: BinaryIO,
    frames: Sequence[pyvips.Image],
    milliseconds: Sequence[float],
    *,
    plays: int,
    compression: Compression,
) -> None:
    """Turn the PNG of the first frame into an animated one.

    Of each further frame only the rectangle that differs from the previous frame is written.

    Args:
      file: the PNG of the first frame, open for reading and writing.
      frames: all frames, of the same size, bands and format.
      milliseconds: how long each frame is shown.
      plays: how often the animation plays; 0 for endlessly.
      compression: see `jaxsr.imaging.png.writing.write_png`.
    """
    height, width = frames[0].height, frames[0].width
    first = _FRAME.pack(0, width, height, 0, 0, *_delay(milliseconds[0]), 0, 0)
    insert_before_pixels(file, [(_ANIMATION, struct.pack(">LL", len(frames), plays)), (_CONTROL, first)])
    number = 1
    for before, frame, duration in zip(frames, frames[1:], milliseconds[1:], strict=False):
        left, top, wide, tall = _changed(before, frame)
        png = io.BytesIO()
        write_png(png, frame.crop(left, top, wide, tall), keep="none", compression=compression)
        chunks = [(_CONTROL, _FRAME.pack(number, wide, tall, left, top, *_delay(duration), 0, 0))]
        for body in (body for kind, body in chunks_of(png.getvalue()) if kind == b"IDAT"):
            number += 1
            chunks.append((_DATA, struct.pack(">L", number) + body))
        number += 1
        insert_at_end(file, chunks)


def _frames(chunks: Sequence[Chunk]) -> Iterator[tuple[bytes, bytes]]:
    """The control and data of each frame. A picture before the first frame is for programs without animation."""
    control, parts = None, []
    for kind, body in [*chunks, (_CONTROL, b"")]:
        if kind == _CONTROL:
            if control is not None:
                if len(control) != _FRAME.size or not any(parts):
                    raise ValueError("a frame is cut short")
                yield control, b"".join(parts)
            control, parts = body, []
        elif kind == b"IDAT":
            parts.append(body)
        elif kind == _DATA:
            parts.append(body[4:])


def _pixels(chunks):
    png = SIGNATURE + b"".join(chunk(*one) for one in [*chunks, (b"IEND", b"")])
    pixels = pyvips.Image.new_from_buffer(png, "", fail_on="error").numpy()
    return pixels if pixels.ndim == 3 else pixels[..., None]


def _over(pixels, below):
    """Porter and Duff's "over", with opacity in the last channel. Pixels without opacity replace what is below."""
    if pixels.shape[2] in (1, 3):
        return pixels
    largest = np.iinfo(pixels.dtype).max
    above, under = pixels / largest, below / largest
    weight = under[..., -1:] * (1 - above[..., -1:])
    opacity = above[..., -1:] + weight
    colour = (above[..., :-1] * above[..., -1:] + under[..., :-1] * weight) / np.where(opacity, opacity, 1)
    return np.round(np.concatenate([colour, opacity], axis=-1) * largest).astype(pixels.dtype)


def _delay(milliseconds):
    seconds = Fraction(milliseconds / 1000).limit_denominator(1000)
    most = 2**16 - 1
    return (seconds.numerator, seconds.denominator) if seconds.numerator <= most else (min(round(seconds), most), 1)


def _changed(before, after):
    """Left, top, width and height of the rectangle that differs; one pixel if nothing does."""
    columns, rows = (before != after).bandor().project()
    across, down = (np.flatnonzero(sums.numpy().ravel()) for sums in (columns, rows))
    if not across.size:
        return 0, 0, 1, 1
    return int(across[0]), int(down[0]), int(np.ptp(across)) + 1, int(np.ptp(down)) + 1
