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
from jaxsr.imaging.exif import write_exif
from jaxsr.imaging.formats import FORMATS
from jaxsr.imaging.metadata import field, kept
from jaxsr.imaging.picture import Picture
from jaxsr.imaging.pixels import DTYPES, LARGEST
from jaxsr.imaging.png.chunks import insert_before_pixels
from jaxsr.imaging.png.colour import chunks_for
from jaxsr.imaging.png.deflate import Compression
from jaxsr.imaging.png.text import write_text
from jaxsr.imaging.png.writing import write_png
from jaxsr.imaging.raw import Raw, finished, path_of

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
    """Write an image to an open file, in the format of `target` and with the metadata of `picture`.

    Args:
      file: an empty file, open for reading and writing.
      image: the result, from `finished`.
      picture: its source.
      target: the name that the file will have.
      quality: the quality of JPEG and WebP, 1 to 100.
      compression: the compression of PNG, see `write_png`.

    Raises:
      pyvips.Error: the image cannot be written.
    """
    suffix, keep = target.suffix.lower(), kept(picture.stored, target)
    if suffix != ".png":
        # By descriptor, because libvips reads brackets in a name as options, and a name need not be valid text.
        _SAVERS[suffix](image, path_of(file), keep, quality)
    else:
        write_png(file, image, keep=keep, compression=compression)
        write_text(file, (*picture.texts, *comment_texts(picture.comments)))
        bits = 16 if image.format == "ushort" else 8
        insert_before_pixels(file, chunks_for(picture.colour_chunks, bands=image.bands, bits=bits))
    write_comments(file, picture.comments, suffix=suffix)
    if suffix in (".tif", ".tiff"):
        add_exif(file, picture, size=(image.height, image.width))


def add_exif(file: BinaryIO, picture: Picture, *, size: tuple[int, int]) -> None:
    """Add the EXIF of `picture`, if it has any, to a complete TIFF of `size`, (height, width)."""
    exif = field(picture.stored, "exif-data", None)
    if exif is not None:
        write_exif(file, exif, size=size)


def check_target(picture: Picture, target: Path, *, size: tuple[int, int]) -> None:
    """Raise `InputError` if the format of `target` cannot hold a result of `size`, (height, width).

    It is called before the network's work, which could otherwise be lost. A name that is too long is an `OSError`.
    """
    require_name(target)
    suffix = target.suffix.lower()
    format = FORMATS[suffix]
    kind = suffix.removeprefix(".").replace("jpg", "jpeg").upper()
    height, width = size
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


def _save_bitmap(image, path, _keep, _quality):
    # libvips cannot write BMP, and Pillow takes it from memory only.
    pixels = image.numpy()
    Image.fromarray(pixels).save(path, format="BMP", dpi=(image.xres * 25.4, image.yres * 25.4))


def _save_tiff(image, path, keep, _quality):
    length = image.width * image.height * image.bands * np.dtype(DTYPES[image.format]).itemsize
    save_tiff(image, path, keep=keep, large=length > LARGE_TIFF)


def save_tiff(image: pyvips.Image, path: str, *, keep: str, large: bool) -> None:
    """Write a TIFF, or a BigTIFF if it is large.

    Args:
      image: the picture.
      path: the file.
      keep: libvips' flags for the metadata to write.
      large: whether to write a BigTIFF.
    """
    predictor = "float" if image.format == "float" else "horizontal"
    # The stubs of pyvips type flags as integers; libvips also takes their names.
    image.tiffsave(
        path,
        keep=keep,  # ty: ignore[invalid-argument-type]
        compression="deflate",
        predictor=predictor,
        bigtiff=large,
    )


# Called with the image, the path, libvips' flags for metadata and the quality. The stubs of pyvips type flags as
# integers; libvips also takes their names.
_SAVERS: dict[str, Callable[[pyvips.Image, str, Any, int], None]] = {
    ".jpg": lambda image, path, keep, quality: image.jpegsave(
        path, keep=keep, Q=quality, subsample_mode="off", optimize_coding=True
    ),
    ".webp": lambda image, path, keep, quality: image.webpsave(path, keep=keep, Q=quality),
    ".gif": lambda image, path, keep, _: image.gifsave(path, keep=keep),
    ".bmp": _save_bitmap,
    ".tif": _save_tiff,
}
_SAVERS |= {".jpeg": _SAVERS[".jpg"], ".tiff": _SAVERS[".tif"]}
WRITTEN_SUFFIXES = (".png", *_SAVERS)
