"""Opens picture files of the common formats as rows of upright pixels in the network's colours, with libvips."""

import contextlib
import os
import stat
import warnings
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyvips

from jaxsr.errors import InputError
from jaxsr.imaging.broken import reading
from jaxsr.imaging.decoded import Decoded
from jaxsr.imaging.formats import kind_of
from jaxsr.imaging.heif import heic_size
from jaxsr.imaging.metadata import upright
from jaxsr.imaging.opening import decode, without_needless_opacity
from jaxsr.imaging.photo import PHOTO_SUFFIXES
from jaxsr.imaging.pillow_formats import PILLOW_READERS
from jaxsr.imaging.pixels import LARGEST, WHITE, check_pixels
from jaxsr.imaging.profiles import to_srgb, with_usable_profile

# Suffixes by which pictures are found in a folder; a file that is named itself may have any suffix.
READ_SUFFIXES = PHOTO_SUFFIXES.union(
    (".apng", ".gif", ".heic", ".heif", ".hif", ".ico", ".jfif", ".jpe", ".pbm", ".pnm", ".tga")
)


@dataclass(frozen=True, eq=False, kw_only=True)
class Picture(Decoded):
    """An opened picture file, which also has the attributes of `Decoded`; `stored` is turned upright.

    Attributes:
      path: the file.
      colour: one band of gray or three of sRGB, "uchar", "ushort" or "float".
      opacity: one band; None without transparency.
    """

    path: Path
    colour: pyvips.Image
    opacity: pyvips.Image | None

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.stored.height, self.stored.width

    def rows(self, top: int, bottom: int) -> np.ndarray:
        """Rows of colour.

        Returns:
          [bottom − top, W] for gray or [bottom − top, W, 3] for RGB. uint8 if the file has 8 bits, sRGB and no
          transparency; else float32 in [0, 1].

        Raises:
          InputError: the file is broken, or has floats outside [0, 1].
        """
        pixels = self._read(self.colour, top, bottom)
        return pixels if self.colour.format == "uchar" and self.opacity is None else self._unit(self.colour, pixels)

    def opacity_rows(self, top: int, bottom: int) -> np.ndarray:
        """Rows of opacity, [bottom − top, W] float32 in [0, 1]; only if `opacity` is not None. Raises as `rows`."""
        return self._unit(self.opacity, self._read(self.opacity, top, bottom))

    def _read(self, image, top, bottom):
        with reading_by_libvips(self.path):
            return image.crop(0, top, image.width, bottom - top).numpy()

    def _unit(self, image, pixels):
        unit = pixels.astype(np.float32) / np.float32(WHITE[image.format])
        if image.format == "float" and not ((unit >= -0.01) & (unit <= 1.01)).all():
            raise InputError(f"{self.path}: its floating-point pixels leave the range from 0 to 1; save it within that")
        return np.clip(unit, 0.0, 1.0)


def open_picture(path: str | os.PathLike, *, largest: int = LARGEST, salvage: bool = False) -> Picture:
    """Open a picture: PNG, JPEG, WebP, TIFF, GIF, AVIF, BMP, TGA, ICO, JPEG 2000, PBM to PPM, and HEIC.

    Palettes, black-and-white, CMYK and CIE Lab become gray or sRGB. Colours of a profile, of a PNG's cICP, gAMA and
    cHRM chunks, or of the numbers in a HEIC or AVIF are converted to sRGB. Of several frames or pages the first is
    opened. Pixels are decoded into memory, or into a temporary file if there are many.

    Args:
      path: the file.
      largest: most pixels of the picture.
      salvage: whether to read what is there of a truncated JPEG; a note then says how much that is.

    Raises:
      InputError: the file is missing, not a regular file, empty, truncated, not a picture, too large, HDR, or its
        pixels are of an unsupported kind.
    """
    path = Path(path)
    check_file(path)
    with reading_by_libvips(path):
        decoded = decode(path, salvage=salvage, largest=largest)
        check_pixels(path, (decoded.stored.height, decoded.stored.width), largest=largest)
        picture = picture_of(path, replace(decoded, stored=without_needless_opacity(decoded.stored)))
    if picture.count == 1:
        return picture
    return replace(picture, notes=(*picture.notes, f"the first of {picture.count} pictures"))


def picture_of(path: Path, decoded: Decoded) -> Picture:
    """Make a picture of a file's contents; its pixels are decoded.

    Raises:
      InputError: its pixels are of an unsupported kind.
      pyvips.Error: it is broken.
    """
    stored, notes = with_usable_profile(upright(decoded.stored))
    # Decode everything now, so that a broken file is reported before the network's work.
    stored.crop(0, 0, 1, 1).write_to_memory()
    colours, opacity = _parts(path, stored)
    colour = to_srgb(colours, encoding=decoded.encoding)
    shared = vars(replace(decoded, stored=stored, notes=(*notes, *decoded.notes)))
    return Picture(path=path, colour=colour, opacity=opacity, **shared)


def picture_size(path: str | os.PathLike) -> tuple[int, int]:
    """(height, width) of the upright picture, from the file's header alone; raises as `open_picture`."""
    path = Path(path)
    check_file(path)
    kind = kind_of(path)
    if kind == "HEIC":
        return heic_size(path)
    if kind in PILLOW_READERS:
        with reading(path), PILLOW_READERS[kind](path) as opened:
            return opened.height, opened.width
    with reading_by_libvips(path):
        image = upright(decode(path).stored)
    return image.height, image.width


def warn_of_notes(picture: Picture) -> None:
    """Issue the notes of a picture as one warning, if there are any."""
    if picture.notes:
        warnings.warn(f"{picture.path}: {'; '.join(picture.notes)}", stacklevel=3)


@contextlib.contextmanager
def reading_by_libvips(path: Path) -> Generator[None]:
    """Raise `InputError` with the file's name in place of what libvips raises on a broken file."""
    try:
        yield
    except pyvips.Error as error:
        raise InputError(f"{path}: {_reason(path, error)}") from error


def _reason(path, error):
    """Why libvips cannot read a file, as words that follow the file's name."""
    kind = kind_of(path)
    # libvips keeps one text of errors for all threads, so another thread may have taken ours: then there are no lines.
    lines = [line.strip() for line in str(error.detail).splitlines() if line.strip()]
    if kind is None or (lines and "not in a known format" in lines[0]):
        return "no picture in a format that can be read"
    cause = f" ({lines[0]})" if lines else ""
    # Other words of its decoder say that a JPEG is of a kind that libvips does not read, complete or not.
    decoder = [line for line in lines if line.startswith("VipsJpeg")]
    cut_short = kind == "JPEG" and (not decoder or any("premature end of JPEG" in line for line in decoder))
    way_out = "; salvage (--salvage) reads what is there" if cut_short else ""
    return f"cannot be read as a picture{cause}{way_out}"


def check_file(path: Path) -> None:
    """Raise `InputError` if a path is not a readable file with something in it."""
    try:
        status = path.stat()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{path} is a folder; name a picture in it")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{path} is not a regular file; name a picture file")
    if not status.st_size:
        raise InputError(f"{path}: the file is empty")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path}: no permission to read it")


def _parts(path, image):
    """Colours and opacity as "uchar", "ushort" or "float"."""
    if image.format not in WHITE:
        raise InputError(
            f"{path}: pixels of type {image.format} are not supported; save it with 8 or 16 bits per channel"
        )
    count = image.bands - image.hasalpha()
    if count not in ((4,) if image.interpretation == "cmyk" else (1, 3)):
        raise InputError(f"{path}: {image.bands} channels are neither gray nor RGB; save it as one of these")
    return image.extract_band(0, n=count), image.extract_band(count) if image.hasalpha() else None
