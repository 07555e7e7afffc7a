"""Picture files from strips, with all that the file they come from had to say."""

import contextlib
import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyvips
from PIL import Image

from jaxsr.errors import InputError
from jaxsr.files import replacing
from jaxsr.imaging.chunks import insert_before_pixels
from jaxsr.imaging.comments import comment_texts, write_comments
from jaxsr.imaging.deflate import Compression
from jaxsr.imaging.exif import write_exif
from jaxsr.imaging.icc import icc_profile
from jaxsr.imaging.metadata import kept, with_metadata
from jaxsr.imaging.picture import LARGEST, Picture
from jaxsr.imaging.png import write_png
from jaxsr.imaging.png_colour import chunks_for
from jaxsr.imaging.profiles import from_srgb, has_foreign_colours, is_cmyk
from jaxsr.imaging.text import write_text

WITHOUT_OPACITY = (".jpg", ".jpeg", ".bmp")
# Whose colours are sRGB, whatever those of the input were.
_WITHOUT_PROFILE = (".bmp", ".gif")
_WITHOUT_INKS = (*_WITHOUT_PROFILE, ".png", ".webp")
# What a result may have at most: the largest picture that is read, eight times as large.
LARGEST_WRITTEN = 64 * LARGEST
# Bytes of pixels from which a TIFF is a BigTIFF; the classic format ends at 4 gigabytes.
LARGE_TIFF = 2**31
# Pixels on a side.
_LONGEST = {".jpg": 65500, ".jpeg": 65500, ".webp": 16383, ".gif": 65535}
# Bits per channel that a format holds, where that is more than 8.
_DEEP = {".png": ("ushort",), ".tif": ("ushort", "float"), ".tiff": ("ushort", "float")}
_NUMPY = {"uchar": np.uint8, "ushort": np.uint16, "float": np.float32}
_LARGEST_OF = {"uchar": 255, "ushort": 65535, "float": 1}
_SPACES = {("uchar", 1): "b-w", ("ushort", 1): "grey16", ("uchar", 3): "srgb", ("ushort", 3): "rgb16"}


@dataclass(frozen=True)
class Raw:
    """Upscaled pixels on disk, on their way into a picture file.

    Attributes:
      file: an open file without a name, which ends with it: rows of channels, opacity last.
      size: (height, width).
      bands: with opacity.
      format: "uchar", "ushort" or "float".
    """

    file: BinaryIO
    size: tuple[int, int]
    bands: int
    format: str

    @property
    def length(self) -> int:
        """Bytes of its pixels."""
        return self.size[0] * self.size[1] * self.bands * np.dtype(_NUMPY[self.format]).itemsize


def write_raw(
    strips: Iterator[np.ndarray],
    picture: Picture,
    target: Path,
    *,
    size: tuple[int, int],
    above: Raw | None = None,
) -> Raw:
    """Keep strips on the disk that the target goes to.

    Args:
      strips: [h, W] or [h, W, C] from top to bottom, opacity last where the picture has it; uint8, or float in [0, 1].
      picture: what they come from.
      target: the file to be written; what it can hold decides on the depth.
      size: (height, width) of all strips together.
      above: pixels of the same width and kind, in whose file these are put below them; it is closed on an error.

    Raises:
      OSError: the disk is full.
    """
    format = target_format(picture, target)
    # Colours that are converted once more keep 16 bits until then.
    if format == "uchar" and has_foreign_colours(picture.stored, encoding=picture.encoding):
        format = "ushort"
    target.parent.mkdir(parents=True, exist_ok=True)
    file = above.file if above else tempfile.TemporaryFile(dir=target.parent)  # noqa: SIM115 (handed over)
    try:
        for strip in strips:
            file.write(_quantised(strip, format).tobytes())
        file.flush()
    except BaseException:
        file.close()
        raise
    height = size[0] + (above.size[0] if above else 0)
    return Raw(file, (height, size[1]), picture.colour.bands + (picture.opacity is not None), format)


def write_picture(
    target: Path, raw: Raw, picture: Picture, *, quality: int = 95, compression: Compression = "balanced"
) -> None:
    """Write a picture file from `write_raw`, which is closed; the target appears whole or not at all.

    Depth, colour profile (or what a PNG's chunks say of its colours, as a profile elsewhere), EXIF, XMP, resolution (in
    proportion), text and comments are those of `picture`, as far as the format has them. The orientation is applied and
    its tag reset.

    Args:
      target: the file; its suffix names the format.
      raw: the pixels.
      picture: what they come from.
      quality: of JPEG and WebP, 1 to 100.
      compression: of PNG, see `write_png`.

    Raises:
      InputError: the format cannot hold the picture.
      OSError: the file cannot be written.
    """
    with raw.file, written(target) as file:
        save(file, finished(raw, picture, target), picture, target, quality=quality, compression=compression)


@contextlib.contextmanager
def written(target: Path) -> Iterator[BinaryIO]:
    """An open file that becomes `target` when the context ends, or is deleted on an error.

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
    """Write an image of `finished` to an open, empty file, in the format of `target`, with the metadata of `picture`.

    Raises:
      pyvips.Error: it cannot be written.
    """
    suffix, keep = target.suffix.lower(), kept(picture.stored, target)
    if suffix != ".png":
        # By descriptor, since libvips takes brackets in a name for options, and names need not be valid text.
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
    """Add the EXIF of `picture`, if it has any, to a whole TIFF of (height, width)."""
    if picture.stored.get_typeof("exif-data"):
        write_exif(file, picture.stored.get("exif-data"), size=size)


def target_format(picture: Picture, target: Path) -> str:
    """libvips' name of the depth in which `target` keeps the picture."""
    deep = _DEEP.get(target.suffix.lower(), ())
    wanted = picture.stored.format if picture.stored.format != "double" else "float"
    return wanted if wanted in deep else "ushort" if wanted == "float" and "ushort" in deep else "uchar"


def check_target(picture: Picture, target: Path, *, size: tuple[int, int]) -> None:
    """Raise `InputError` if the target cannot hold a result of this (height, width), before the network's work."""
    suffix = target.suffix.lower()
    kind = suffix.removeprefix(".").replace("jpg", "jpeg").upper()
    height, width = size
    if max(size) > _LONGEST.get(suffix, height * width):
        raise InputError(
            f"{target}: {kind} has at most {_LONGEST[suffix]} pixels on a side, and the result has {width} × {height}; "
            "give the output a name in .png or .tif"
        )
    if height * width > LARGEST_WRITTEN:
        raise InputError(
            f"{target}: {width} × {height} pixels are more than the {LARGEST_WRITTEN / 1e6:g} megapixels that are "
            "written; take a smaller scale or size"
        )
    if picture.opacity is not None and suffix in WITHOUT_OPACITY:
        raise InputError(
            f"{target}: {kind} has no transparency, which {picture.path} has; give the output a name in .png"
        )


def path_of(file: BinaryIO) -> str:
    """A name of an open file for libvips."""
    return f"/dev/fd/{file.fileno()}"


def _quantised(strip, format):
    if strip.dtype == _NUMPY[format]:
        return strip
    unit = strip.astype(np.float32) / 255 if strip.dtype == np.uint8 else strip
    if format == "float":
        return unit
    return np.round(np.clip(unit, 0, 1) * _LARGEST_OF[format]).astype(_NUMPY[format])


def finished(raw: Raw, picture: Picture, target: Path) -> pyvips.Image:
    """The result as a lazy picture in the file's own colours, with its metadata."""
    height, width = raw.size
    bytes_per_pixel = raw.bands * np.dtype(_NUMPY[raw.format]).itemsize
    image = pyvips.Image.rawload(path_of(raw.file), width, height, bytes_per_pixel)
    image = image.copy(bands=raw.bands, format=raw.format)
    count = picture.colour.bands
    colours = image.extract_band(0, n=count).copy(interpretation=_SPACES.get((raw.format, count), "multiband"))
    format = target_format(picture, target)
    bits = 16 if format == "ushort" else 8
    own_colours = target.suffix.lower() not in (_WITHOUT_INKS if is_cmyk(picture.stored) else _WITHOUT_PROFILE)
    if own_colours:
        colours = from_srgb(colours, picture.stored, bits=bits, encoding=picture.encoding)
    if colours.format != format:
        colours = (colours / (65535 / _LARGEST_OF[format])).rint().cast(format).copy(interpretation="srgb")
    if raw.bands > count:
        opacity = image.extract_band(count)
        if opacity.format != colours.format:
            opacity = (opacity / 257).rint().cast(colours.format)
        colours = colours.bandjoin(opacity)
    finished = with_metadata(colours, picture.stored, ratio=width / picture.size[1], profile=own_colours)
    if picture.encoding is not None and own_colours and target.suffix.lower() != ".png":
        # A WebP has no gray.
        gray = count == 1 and target.suffix.lower() != ".webp"
        finished = finished if gray or count > 1 else finished.colourspace("srgb")
        profile = icc_profile(picture.encoding, gray=gray)
        finished.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    return finished


def _save_bitmap(image, path, _keep, _quality):
    # libvips has no writer for BMP.
    pixels = image.numpy()
    Image.fromarray(pixels).save(path, format="BMP", dpi=(image.xres * 25.4, image.yres * 25.4))


def _save_tiff(image, path, keep, _quality):
    length = image.width * image.height * image.bands * np.dtype(_NUMPY[image.format]).itemsize
    save_tiff(image, path, keep=keep, large=length > LARGE_TIFF)


def save_tiff(image: pyvips.Image, path: str, *, keep: str, large: bool) -> None:
    """Write a TIFF, or where it is large a BigTIFF."""
    predictor = "float" if image.format == "float" else "horizontal"
    image.tiffsave(path, keep=keep, compression="deflate", predictor=predictor, bigtiff=large)


_SAVERS: dict[str, Callable] = {
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
