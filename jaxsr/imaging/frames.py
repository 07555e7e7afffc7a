"""Opens files of several pictures: the frames of an animation, or the pages of a TIFF."""

import os
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

import numpy as np

from jaxsr.errors import InputError
from jaxsr.imaging.broken import reading
from jaxsr.imaging.formats import kind_of
from jaxsr.imaging.metadata import field, without
from jaxsr.imaging.opening import decode, decode_page, without_needless_opacity
from jaxsr.imaging.picture import Picture, check_file, picture_of, reading_by_libvips
from jaxsr.imaging.pixels import LARGEST, image_of
from jaxsr.imaging.png.animation import frame_count, read_apng
from jaxsr.imaging.png.colour import significant_bits, significant_only
from jaxsr.imaging.tiff import own_pages, tiff_tags


@dataclass(frozen=True, eq=False)
class Frames:
    """The pictures of a file.

    Attributes:
      kind: "animation", whose pictures have the same size and kind, or "pages".
      pictures: at least two, in file order. The frames of an animation are as they are shown.
      milliseconds: how long each frame of an animation is shown; empty for pages.
      plays: how often an animation plays; 0 for endlessly.
    """

    kind: Literal["animation", "pages"]
    pictures: tuple[Picture, ...]
    milliseconds: tuple[float, ...] = ()
    plays: int = 0


def open_frames(path: str | os.PathLike, *, largest: int = LARGEST) -> Frames | None:
    """Open all frames of an animated GIF, WebP or PNG, or all pages of a TIFF; None for a file of one picture.

    Smaller copies and masks in a TIFF do not count as pages.

    Args:
      path: the file.
      largest: most pixels of all pictures together.

    Raises:
      InputError: the pictures are too large together, or as for `jaxsr.imaging.picture.open_picture`.
    """
    path = Path(path)
    check_file(path)
    with reading(path), reading_by_libvips(path):
        kind = kind_of(path)
        if kind == "TIFF":
            return _of_tiff(path, largest)
        if kind in ("GIF", "WEBP"):
            return _of_roll(path, largest)
        return _of_png(path, largest) if frame_count(path) > 1 else None


def _check_pixels(path, pixels, largest):
    if pixels > largest:
        raise InputError(
            f"{path}: its frames have {pixels / 1e6:.0f} megapixels together, more than the limit of "
            f"{largest / 1e6:g}; make it shorter or smaller, or upscale its first frame alone (--first-frame)"
        )


def _of_roll(path, largest):
    first = decode(path)
    if first.count < 2:
        return None
    _check_pixels(path, first.stored.width * first.stored.height * first.count, largest)
    decoded = decode(path, all_frames=True)
    roll = decoded.stored
    height: Any = roll.get("page-height")
    count: Any = roll.get("n-pages")
    shown = without_needless_opacity(roll)
    images = [shown.crop(0, number * height, roll.width, height) for number in range(count)]
    for name in ("page-height", "n-pages", "delay", "loop"):
        images = [without(image, name) for image in images]
    pictures = tuple(picture_of(path, replace(decoded, stored=image)) for image in images)
    return Frames("animation", pictures, tuple(field(roll, "delay", [100] * count))[:count], field(roll, "loop", 0))


def _of_png(path, largest):
    first = decode(path)
    _check_pixels(path, first.stored.width * first.stored.height * first.count, largest)
    frames, milliseconds, plays = read_apng(path)
    if len(frames) == 1:
        return None
    bits = significant_bits(path)
    images = [significant_only(image_of(frame), bits) for frame in frames]
    # All frames have the metadata of the first.
    stored = [first.stored.insert(image, 0, 0) for image in images]
    pictures = tuple(picture_of(path, replace(first, stored=one)) for one in stored)
    return Frames("animation", pictures, tuple(milliseconds), plays)


def _of_tiff(path, largest):
    tags = tiff_tags(path)
    pages = own_pages(tags)
    if len(pages) < 2:
        return None
    opened = [decode_page(path, page, tags=tags) for page in pages]
    decoded = [replace(one, stored=without(one.stored, "n-pages")) for one in opened]
    _check_pixels(path, sum(one.stored.width * one.stored.height for one in decoded), largest)
    return Frames("pages", tuple(picture_of(path, one) for one in decoded))


def repeats(pictures: tuple[Picture, ...]) -> list[int]:
    """For each picture, the index of the first picture with the same pixels."""
    seen: dict[bytes, int] = {}
    return [seen.setdefault(_digest(picture), number) for number, picture in enumerate(pictures)]


def _digest(picture: Picture) -> bytes:
    height, _ = picture.size
    digest = blake2b(repr(picture.size).encode())
    for rows in (picture.rows, picture.opacity_rows)[: 1 + (picture.opacity is not None)]:
        for top in range(0, height, 256):
            digest.update(np.ascontiguousarray(rows(top, min(height, top + 256))).tobytes())
    return digest.digest()
