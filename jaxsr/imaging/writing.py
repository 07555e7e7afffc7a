"""Writes picture files in each format, with the metadata of their source."""

import contextlib
import errno
import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyvips
from PIL import Image

from jaxsr.errors import InputError
from jaxsr.files import replacing, require_name
from jaxsr.imaging.comments import comment_texts, write_comments
from jaxsr.imaging.exif import updated_exif
from jaxsr.imaging.exif_placing import insert_exif
from jaxsr.imaging.formats import FORMATS, Kind, format_of
from jaxsr.imaging.metadata import KEEP, field, written_resolution
from jaxsr.imaging.picture import Picture
from jaxsr.imaging.pixels import DTYPES, LARGEST
from jaxsr.imaging.png.colour import chunks_for
from jaxsr.imaging.png.deflate import Compression
from jaxsr.imaging.png.text import text_chunks
from jaxsr.imaging.png.writing import write_png
from jaxsr.imaging.raw import Raw, finished, path_of
from jaxsr.imaging.tiff_exif import drop_resolution, write_tiff_exif

WRITTEN_SUFFIXES = tuple(FORMATS)
# Most pixels of a result: the largest picture that is read, enlarged eight times along each side.
LARGEST_WRITTEN = 64 * LARGEST
# A TIFF with more bytes of pixels is written as a BigTIFF; the classic format ends at 4 gigabytes.
LARGE_TIFF = 2**31


def write_picture(
    target: Path, raw: Raw, picture: Picture, *, quality: int = 95, compression: Compression = "balanced"
) -> None:
    """Write a picture file, and close the file of its pixels. The target appears complete or not at all.

    As far as the format can hold them, the file keeps the depth, colour profile, EXIF, XMP, resolution (in proportion),
    text and comments of `picture`. Colours that a PNG describes by its chunks keep these in a PNG, and get an equal
    profile in other formats. The orientation is applied, and its tag reset.

    Args:
      target: the file; its suffix decides on the format.
      raw: the pixels, from `write_raw`.
      picture: the source of the pixels.
      quality: the quality of JPEG and WebP, 1 to 100.
      compression: the compression of PNG, see `write_png`.

    Raises:
      InputError: the format cannot hold the picture.
      OSError: the file cannot be written.
    """
    with raw.file, written(target) as file:
        save(file, finished(raw, picture, target), picture, target, quality=quality, compression=compression)


@contextlib.contextmanager
def written(target: Path) -> Generator[BinaryIO]:
    """Open a file for writing that becomes `target` when the context ends, and is deleted on an error.

    Raises:
      InputError: libvips cannot write it.
      OSError: the disk is full.
    """
    with replacing(target) as temporary, temporary.open("r+b") as file:
        try:
            yield file
        except pyvips.Error as error:
            text = str(error.detail).strip()
            if "No space left" in text:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
            raise InputError(
                f"{target}: cannot be written ({text.splitlines()[-1] if text else 'no reason given'})"
            ) from error


def save(
    file: BinaryIO,
    image: pyvips.Image,
    picture: Picture,
    target: Path,
    *,
    quality: int,
    compression: Compression = "balanced",
) -> None:
    """Write an image to an empty file, open for reading and writing; see `write_picture`.

    Args:
      file: the file.
      image: the result, from `finished`.
      picture: its source, whose metadata it gets.
      target: the name that the file will have, which decides on the format.
      quality: the quality of JPEG and WebP, 1 to 100.
      compression: the compression of PNG, see `write_png`.

    Raises:
      pyvips.Error: the image cannot be written.
    """
    kind = format_of(target).kind
    # The frames of an animation lie one below the other.
    size = field(image, "page-height", image.height), image.width
    given = field(picture.stored, "exif-data", b"")
    exif = updated_exif(given, size=size, resolution=written_resolution(image))
    if kind == "PNG":
        chunks = chunks_for(picture.colour_chunks, bands=image.bands, bits=16 if image.format == "ushort" else 8)
        # A PNG has another place for the resolution.
        chunks += [(b"eXIf", exif)] if given and exif else []
        chunks += text_chunks((*picture.texts, *comment_texts(picture.comments)))
        write_png(file, image, keep=KEEP, chunks=chunks, compression=compression)
    else:
        _SAVERS[kind](image, file, quality)
    if kind == "TIFF":
        add_exif(file, picture, size=size)
    elif exif:
        insert_exif(file, exif, kind=kind, size=size)
    write_comments(file, picture.comments, kind=kind)


def add_exif(file: BinaryIO, picture: Picture, *, size: tuple[int, int]) -> None:
    """Add the EXIF of `picture`, if it has any, to a complete TIFF of `size`, (height, width)."""
    exif = field(picture.stored, "exif-data", None)
    if exif is not None:
        write_tiff_exif(file, exif, size=size)


def check_target(picture: Picture, target: Path, *, size: tuple[int, int]) -> None:
    """Raise `InputError` if the format of `target` cannot hold a result of `size`, (height, width).

    It is called before the network's work, which could otherwise be lost. A name that is too long is an `OSError`.
    """
    require_name(target)
    format = format_of(target)
    kind, (height, width) = format.kind, size
    if format.longest is not None and max(size) > format.longest:
        raise InputError(
            f"{target}: {kind} has at most {format.longest} pixels on a side, and the result has {width} × {height}; "
            "give the output a name in .png or .tif"
        )
    # Rows of a BMP are whole units of four bytes.
    length = height * (-(-width * picture.colour.bands // 4) * 4)
    if format.largest is not None and length > format.largest:
        raise InputError(
            f"{target}: {kind} has at most {format.largest / 1e9:.1f} gigabytes, and the result has {width} × {height} "
            "pixels; give the output a name in .png or .tif"
        )
    if height * width > LARGEST_WRITTEN:
        raise InputError(
            f"{target}: {width} × {height} pixels are more than the limit of {LARGEST_WRITTEN / 1e6:g} megapixels; "
            "choose a smaller scale or size"
        )
    if picture.opacity is not None and not format.opacity:
        raise InputError(
            f"{target}: {kind} has no transparency, which {picture.path} has; give the output a name in .png"
        )


def _save_bitmap(image, file, _quality):
    # libvips cannot write BMP, and Pillow takes it from memory only.
    # Without a resolution Pillow would make one up; 0 says that it is unknown.
    across, down = written_resolution(image) or (0, 0)
    Image.fromarray(image.numpy()).save(file, format="BMP", dpi=(25.4 * across, 25.4 * down))


def save_tiff(image: pyvips.Image, file: BinaryIO, *, large: bool = False) -> None:
    """Write a TIFF to a file that is open for reading and writing; a BigTIFF if it is `large` or has many pixels."""
    format: Any = image.format
    predictor = "float" if format == "float" else "horizontal"
    length = image.width * image.height * image.bands * np.dtype(DTYPES[format]).itemsize
    large = large or length > LARGE_TIFF
    image.tiffsave(path_of(file), keep=KEEP, compression="deflate", predictor=predictor, bigtiff=large)
    if written_resolution(image) is None:
        drop_resolution(file)


# Called with the image, the file and the quality. By descriptor, because libvips reads brackets in a name as options,
# and a name need not be valid text.
_SAVERS: dict[Kind, Callable[[pyvips.Image, BinaryIO, int], None]] = {
    "JPEG": lambda image, file, quality: image.jpegsave(
        path_of(file), keep=KEEP, Q=quality, subsample_mode="off", optimize_coding=True
    ),
    "WEBP": lambda image, file, quality: image.webpsave(path_of(file), keep=KEEP, Q=quality),
    "GIF": lambda image, file, _: image.gifsave(path_of(file), keep=KEEP),
    "BMP": _save_bitmap,
    "TIFF": lambda image, file, _: save_tiff(image, file),
}
