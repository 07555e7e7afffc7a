"""Photos between files and arrays, by Pillow."""

import os
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageOps

from jaxsr.errors import InputError
from jaxsr.files import replacing

PHOTO_SUFFIXES = frozenset({".avif", ".bmp", ".jp2", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})

# Format and options of Pillow; JPEG without chroma subsampling.
_FORMATS = {
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".webp": ("WEBP", {"quality": 95}),
    ".tif": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ".tiff": ("TIFF", {"compression": "tiff_adobe_deflate"}),
}
WRITTEN_SUFFIXES = tuple(_FORMATS)

# What Pillow's decoders raise on broken files; each format has its own habits.
BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


def read_photo(file: str | os.PathLike | BinaryIO, *, name: str | None = None) -> np.ndarray:
    """A photo as 8-bit RGB, turned upright as its EXIF orientation says.

    Gray becomes three equal channels, 16-bit gray is scaled to 8 (65535 to 255), floats in [0, 1] likewise, CMYK is
    converted without its colour profile, and what is transparent is laid on white. Of an animation, the first picture.

    TIFFs that Pillow does not read, with floats among others, are read by libvips, as upscaling reads them.

    Args:
      file: a path or an open binary file, of any format that Pillow reads.
      name: what to call it in errors; a path speaks for itself.

    Returns:
      [H, W, 3] uint8.

    Raises:
      InputError: the file is missing, cut short, no picture, of a pixel type without a known white, or has floats
        outside [0, 1].
    """
    try:
        with Image.open(file) as image:
            return np.asarray(to_rgb(ImageOps.exif_transpose(image)))
    except BROKEN as error:
        if is_tiff(file):
            return _by_libvips(file)
        raise InputError(f"{name or file}: {reason(error)}") from error


def is_tiff(file: str | os.PathLike | BinaryIO) -> bool:
    """Whether a path names a TIFF, by its first bytes; an open file counts as none."""
    if not isinstance(file, str | os.PathLike):
        return False
    try:
        with open(file, "rb") as opened:
            return opened.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
    except OSError:
        return False


def _by_libvips(path):
    # Takes a tenth of a second to import, and most pictures need no more than Pillow.
    from jaxsr.imaging.picture import open_picture

    picture = open_picture(path)
    height, _ = picture.size
    colour = picture.rows(0, height)
    unit = colour / np.float32(255) if colour.dtype == np.uint8 else colour
    unit = unit if unit.ndim == 3 else np.stack([unit] * 3, axis=-1)
    if picture.opacity is not None:
        opacity = picture.opacity_rows(0, height)[..., None]
        unit = unit * opacity + 1 - opacity
    return np.round(255 * unit).astype(np.uint8)


def photo_size(path: str | os.PathLike) -> tuple[int, int]:
    """(height, width) as `read_photo` would give it, from the header alone.

    Raises:
      InputError: the file is missing or no picture.
    """
    try:
        with Image.open(path) as image:
            return upright_size(image)
    except BROKEN as error:
        if is_tiff(path):
            from jaxsr.imaging.picture import picture_size

            return picture_size(path)
        raise InputError(f"{path}: {reason(error)}") from error


def upright_size(image: Image.Image) -> tuple[int, int]:
    """(height, width) of an opened, not yet decoded Pillow image once its EXIF orientation is honoured."""
    width, height = image.size
    # Pillow turns TIFFs upright by itself and gives their size accordingly.
    if image.format == "TIFF":
        return height, width
    # PNG's own getexif decodes all pixels to look for EXIF behind them.
    orientation = Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1)
    return (width, height) if orientation in (5, 6, 7, 8) else (height, width)


def save_image(path: str | os.PathLike, image: np.ndarray) -> None:
    """Write a uint8 image as PNG, TIFF, WebP or JPEG by the suffix of `path`; the last two lossy, of quality 95.

    Args:
      path: a name in one of `WRITTEN_SUFFIXES`; missing folders are made.
      image: [H, W, 3] or [H, W] uint8; with a further channel of alpha, but for JPEG.

    Raises:
      InputError: another suffix.
      OSError: the file cannot be written; nothing is left behind.
    """
    path = Path(path)
    if path.suffix.lower() not in WRITTEN_SUFFIXES:
        raise InputError(f"{path}: give the output a name in {', '.join(WRITTEN_SUFFIXES)}")
    if image.dtype != np.uint8:
        raise TypeError(f"save_image takes uint8, not {image.dtype}")
    name, options = _FORMATS[path.suffix.lower()]
    with replacing(path) as temporary:
        Image.fromarray(image).save(temporary, format=name, **options)


def to_rgb(image: Image.Image) -> Image.Image:
    """A Pillow image of any mode as mode "RGB", by the rules of `read_photo`.

    Raises:
      ValueError: the pixel type (32-bit integer beyond 65535, float, CIE Lab) has no known white.
    """
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode == "I" or image.mode.startswith("I;16"):
        values = np.asarray(image)
        if values.size and not 0 <= values.min() <= values.max() <= 65535:
            raise ValueError("its 32-bit pixels go beyond the 16-bit range; save it with 8 or 16 bits per channel")
        return Image.fromarray(np.round(values / 257.0).astype(np.uint8)).convert("RGB")
    if image.mode in ("F", "LAB", "HSV"):
        raise ValueError(f"pixels of type {image.mode} are not supported; save it as 8-bit RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")


def reason(error: Exception) -> str:
    """Why a picture cannot be read, in words that follow its name, from one of `BROKEN`."""
    if isinstance(error, Image.UnidentifiedImageError):
        return "empty, or no picture in a format that can be read"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"cannot be read as a picture ({error})"
