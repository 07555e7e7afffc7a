"""Picture files of the common formats as rows of upright pixels in the network's colours, by libvips."""

import contextlib
import itertools
import logging
import os
import stat
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyvips
from PIL import Image

from jaxsr.errors import InputError
from jaxsr.imaging.chunks import Chunk
from jaxsr.imaging.encoding import Encoding
from jaxsr.imaging.exif import read_exif
from jaxsr.imaging.files import BROKEN, PHOTO_SUFFIXES, reason, to_rgb
from jaxsr.imaging.png_colour import read_png_colour, significant_only
from jaxsr.imaging.profiles import to_srgb
from jaxsr.imaging.text import read_text

# Of files in a folder; a file that is named itself may have any.
READ_SUFFIXES = PHOTO_SUFFIXES | {".gif", ".jpe", ".pbm"}
# What a picture may have at most; a file of a few bytes can claim any size.
LARGEST = 500_000_000
# How files begin that the wheels of libvips do not read: BMP, PGM and PPM, JPEG 2000.
_NOT_BY_LIBVIPS = (b"BM", b"P4", b"P5", b"P6", b"\0\0\0\x0cjP")
_LARGEST_OF = {"uchar": 255.0, "ushort": 65535.0, "float": 1.0}

# Of libvips' readers only those that are held against hostile files, and nothing remembered of what was read.
pyvips.block_untrusted_set(True)
# Ours for writing; no file is taken for raw pixels by itself.
pyvips.operation_block_set("VipsForeignLoadRaw", False)
pyvips.cache_set_max(0)
# What it has to say about broken files becomes an exception; the rest is not for the user.
logging.getLogger("pyvips").addHandler(logging.NullHandler())


@dataclass(frozen=True, eq=False)
class Picture:
    """An opened picture file.

    Attributes:
      path: the file.
      stored: the picture turned upright, else as the file has it: depth, colours, metadata.
      colour: one band of gray or three of sRGB, "uchar", "ushort" or "float".
      opacity: one band, or None.
      notes: what a person should know, "the first of 12 pictures".
      texts: (keyword, text) of a PNG beyond ASCII.
      encoding: what its samples mean, where that is neither sRGB nor said by a colour profile.
      colour_chunks: what a PNG says of its colours, apart from a colour profile.
    """

    path: Path
    stored: pyvips.Image
    colour: pyvips.Image
    opacity: pyvips.Image | None
    notes: tuple[str, ...]
    texts: list[tuple[str, str]]
    encoding: Encoding | None
    colour_chunks: tuple[Chunk, ...]

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.stored.height, self.stored.width

    def rows(self, top: int, bottom: int) -> np.ndarray:
        """Rows of colour, [bottom − top, W] for gray or [bottom − top, W, 3]: uint8, or float32 in [0, 1].

        uint8 where the file has 8 bits, sRGB and no transparency.

        Raises:
          InputError: the file is broken, or has floats outside [0, 1].
        """
        pixels = self._read(self.colour, top, bottom)
        return pixels if self.colour.format == "uchar" and self.opacity is None else self._unit(self.colour, pixels)

    def opacity_rows(self, top: int, bottom: int) -> np.ndarray:
        """Rows of opacity, [bottom − top, W] float32 in [0, 1]; raises as `rows`."""
        return self._unit(self.opacity, self._read(self.opacity, top, bottom))

    def _read(self, image, top, bottom):
        try:
            return image.crop(0, top, image.width, bottom - top).numpy()
        except pyvips.Error as error:
            raise InputError(f"{self.path}: {vips_reason(error)}") from error

    def _unit(self, image, pixels):
        unit = pixels.astype(np.float32) / np.float32(_LARGEST_OF[image.format])
        if image.format == "float" and not ((unit >= -0.01) & (unit <= 1.01)).all():
            raise InputError(f"{self.path}: its floating-point pixels leave the range from 0 to 1; save it within that")
        return np.clip(unit, 0.0, 1.0)


def open_picture(path: str | os.PathLike, *, largest: int = LARGEST) -> Picture:
    """Open a picture of any format that libvips reads (PNG, JPEG, WebP, TIFF, GIF, HEIF, AVIF), or a BMP.

    Palettes, black-and-white and CMYK become gray or sRGB. Colours of a profile, or of a PNG's cICP, gAMA and cHRM
    chunks, are converted to sRGB. Of an animation, or of several pages, the first picture. Pixels are decoded into
    memory, or where they are many, into a temporary file.

    Args:
      path: the file.
      largest: pixels that it may have.

    Raises:
      InputError: it is missing, no file, empty, cut short, no picture, too large, HDR, or has pixels of another kind.
    """
    path = Path(path)
    _check_file(path)
    try:
        image = _opened(path)
        if image.width * image.height > largest:
            raise InputError(
                f"{path}: {image.width} × {image.height} pixels are more than the {largest / 1e6:g} megapixels that "
                "are taken; make it smaller"
            )
        png = read_png_colour(path)
        stored = significant_only(image, path).autorot()
        if not png.profile:
            stored = _without_profile(stored)
        # All is decoded now, so that what is broken is known before the network's work.
        stored.crop(0, 0, 1, 1).write_to_memory()
        colours, opacity = _parts(path, stored)
        colour, notes = to_srgb(colours, encoding=png.encoding)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    except pyvips.Error as error:
        raise InputError(f"{path}: {vips_reason(error)}") from error
    pages = image.get("n-pages") if image.get_typeof("n-pages") else 1
    notes += (*png.notes, *((f"the first of {pages} pictures",) if pages > 1 else ()))
    return Picture(path, stored, colour, opacity, notes, read_text(path), png.encoding, png.chunks)


def picture_size(path: str | os.PathLike) -> tuple[int, int]:
    """(height, width) of the upright picture, from the header alone; raises as `open_picture`."""
    path = Path(path)
    _check_file(path)
    try:
        image = _opened(path).autorot()
    except pyvips.Error as error:
        raise InputError(f"{path}: {vips_reason(error)}") from error
    return image.height, image.width


def warn_of_notes(picture: Picture) -> None:
    """Warn of what a person should know about a picture, if there is something."""
    if picture.notes:
        warnings.warn(f"{picture.path}: {'; '.join(picture.notes)}", stacklevel=3)


def vips_reason(error: pyvips.Error) -> str:
    """Why libvips cannot read a file, in words that follow its name."""
    lines = [line.strip() for line in str(error.detail).splitlines() if line.strip()]
    if not lines or "not in a known format" in lines[0]:
        return "no picture in a format that can be read"
    return f"cannot be read as a picture ({lines[0]})"


def field_names(stored: pyvips.Image) -> list[str]:
    """Names of metadata, without those of a PNG's text that pyvips cannot read; `read_text` can."""
    array = pyvips.vips_lib.vips_image_get_fields(stored.pointer)
    names = []
    for i in itertools.count():
        if array[i] == pyvips.ffi.NULL:
            break
        with contextlib.suppress(UnicodeDecodeError):
            names.append(pyvips.ffi.string(array[i]).decode())
        pyvips.glib_lib.g_free(array[i])
    pyvips.glib_lib.g_free(array)
    return names


def _check_file(path):
    try:
        status = path.stat()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{path} is a folder; name a picture in it")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{path} is no file with a picture in it")
    if not status.st_size:
        raise InputError(f"{path}: the file is empty")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path}: no permission to read it")


def _opened(path):
    with path.open("rb") as file:
        if file.read(12).startswith(_NOT_BY_LIBVIPS):
            return _by_pillow(path)
        file.seek(0)
        # By descriptor, since libvips takes brackets in a name for options, and names need not be valid text.
        source = pyvips.Source.new_from_descriptor(file.fileno())
        image = pyvips.Image.new_from_source(source, "", fail_on="error")
    return _with_exif(image, read_exif(path)) if image.get("vips-loader").startswith("tiff") else image


def _with_exif(image, exif):
    image = image.copy()
    if exif:
        image.set_type(pyvips.GValue.blob_type, "exif-data", exif)
    return image


def _without_profile(image):
    image = image.copy()
    if image.get_typeof("icc-profile-data"):
        image.remove("icc-profile-data")
    return image


@contextlib.contextmanager
def _large_allowed() -> Iterator[None]:
    # What is too large is refused by `LARGEST`, and by Pillow at twice what it warns of.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


def _by_pillow(path):
    try:
        with _large_allowed(), Image.open(path, formats=["BMP", "PPM", "JPEG2000"]) as opened:
            # Gray of 16 bits; none of these formats has more.
            if opened.mode == "I" or opened.mode.startswith("I;16"):
                pixels = np.asarray(opened).astype(np.uint16)
            else:
                gray, clear = opened.mode in ("1", "L"), opened.mode == "RGBA"
                pixels = np.asarray(opened.convert("L" if gray else "RGBA") if gray or clear else to_rgb(opened))
            dpi = opened.info.get("dpi")
    except BROKEN as error:
        raise InputError(f"{path}: {reason(error)}") from error
    image = pyvips.Image.new_from_array(pixels)
    # A resolution that libvips takes; a broken header can say anything.
    sane = dpi and all(0 < value < 1e6 for value in dpi)
    return image.copy(xres=dpi[0] / 25.4, yres=dpi[1] / 25.4) if sane else image


def _parts(path, image):
    """Colours and opacity, in the band formats that are known here."""
    if image.format not in ("uchar", "ushort", "float", "double"):
        raise InputError(f"{path}: pixels of type {image.format} are not taken; save it with 8 or 16 bits per channel")
    image = image.cast("float") if image.format == "double" else image
    count = image.bands - image.hasalpha()
    if count not in ((4,) if image.interpretation == "cmyk" else (1, 3)):
        raise InputError(f"{path}: {image.bands} channels are neither gray nor RGB; save it as one of these")
    return image.extract_band(0, n=count), image.extract_band(count) if image.hasalpha() else None
