"""Writes files of several pictures: animations as GIF, WebP or PNG, and pages as TIFF."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyvips
from PIL.TiffImagePlugin import AppendingTiffWriter

from jaxsr.errors import InputError
from jaxsr.imaging.frames import Frames
from jaxsr.imaging.png.animation import add_frames
from jaxsr.imaging.png.deflate import Compression
from jaxsr.imaging.raw import Raw, finished
from jaxsr.imaging.writing import LARGE_TIFF, add_exif, save, save_tiff, written

_ANIMATED, _PAGED = (".gif", ".webp", ".png"), (".tif", ".tiff")
# The unit of durations in each format, in milliseconds.
_TICKS = {".gif": 10, ".webp": 1}


def check_frames(frames: Frames, target: Path) -> None:
    """Raise `InputError` if the format of `target` cannot hold several pictures of this kind."""
    suffixes = _ANIMATED if frames.kind == "animation" else _PAGED
    if target.suffix.lower() not in suffixes:
        what = "frames" if frames.kind == "animation" else "pages"
        raise InputError(
            f"{target}: its format does not hold the {len(frames.pictures)} {what} of {frames.pictures[0].path}; give "
            f"it a name in {', '.join(suffixes)} (--format in a folder), or upscale the first alone (--first-frame)"
        )


def write_animation(
    target: Path, raw: Raw, frames: Frames, *, quality: int = 95, compression: Compression = "balanced"
) -> None:
    """Write an animation, and close the file of its pixels. The target appears complete or not at all.

    Args:
      target: a GIF, WebP or PNG.
      raw: the upscaled frames, one below the other.
      frames: the source frames.
      quality: the quality of a WebP, 1 to 100.
      compression: the compression of PNG, see `write_png`.

    Raises:
      InputError: the animation cannot be written.
      OSError: the disk is full.
    """
    picture, suffix = frames.pictures[0], target.suffix.lower()
    with raw.file, written(target) as file:
        roll = finished(raw, picture, target, frames=len(frames.pictures))
        height = roll.height // len(frames.pictures)
        if suffix == ".png":
            images = [roll.crop(0, top, roll.width, height) for top in range(0, roll.height, height)]
            save(file, images[0], picture, target, quality=quality, compression=compression)
            add_frames(file, images, frames.milliseconds, plays=frames.plays, compression=compression)
        else:
            roll = roll.copy()
            roll.set_type(pyvips.GValue.gint_type, "page-height", height)
            roll.set_type(pyvips.GValue.array_int_type, "delay", ticked(frames.milliseconds, _TICKS[suffix]))
            roll.set_type(pyvips.GValue.gint_type, "loop", frames.plays)
            save(file, roll, picture, target, quality=quality)


def write_pages(target: Path, raws: Sequence[Raw], frames: Frames) -> None:
    """Write upscaled pages as a TIFF, as `write_animation` writes frames. It gets the EXIF of the first page."""
    large = sum(raw.length for raw in raws) > LARGE_TIFF
    with written(target) as file:
        with AppendingTiffWriter(file) as joined:
            for raw, picture in zip(raws, frames.pictures, strict=True):
                with raw.file, tempfile.TemporaryFile(dir=target.parent) as page:
                    save_tiff(finished(raw, picture, target), page, large=large)
                    page.seek(0)
                    shutil.copyfileobj(page, joined, 2**22)
                joined.newFrame()
        add_exif(file, frames.pictures[0], size=raws[0].size)


def ticked(milliseconds: Sequence[float], tick: int) -> list[int]:
    """Durations in milliseconds as multiples of a tick.

    Rounding errors do not accumulate: each frame ends within half a tick of its true end. A frame with a duration above
    0 gets at least one tick, which may delay the frames after it.
    """
    ends = np.round(np.cumsum(milliseconds) / tick).astype(int)
    durations = np.diff(ends, prepend=0)
    return (tick * np.maximum(durations, np.asarray(milliseconds) > 0)).tolist()
