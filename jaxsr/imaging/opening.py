"""Picture files of every format as libvips has pictures, with what their formats say beside pixels."""

import contextlib
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyvips
from PIL import Image

from jaxsr.errors import InputError
from jaxsr.imaging.chunks import Chunk
from jaxsr.imaging.comments import read_comments
from jaxsr.imaging.encoding import Encoding
from jaxsr.imaging.exif import read_exif, tiff_tags
from jaxsr.imaging.files import BROKEN, reason, to_rgb
from jaxsr.imaging.heif import is_heic, read_heic
from jaxsr.imaging.lab import is_lab, read_lab
from jaxsr.imaging.metadata import field, without
from jaxsr.imaging.pixels import image_of
from jaxsr.imaging.png_colour import read_png_colour, significant_only
from jaxsr.imaging.salvage import is_jpeg, salvaged
from jaxsr.imaging.text import read_text

# Bytes by which a format is known.
HEAD = 64
# How files begin that the wheels of libvips do not read: BMP, PGM and PPM, JPEG 2000, ICO.
_BY_PILLOW = (b"BM", b"P4", b"P5", b"P6", b"\0\0\0\x0cjP", b"\0\0\1\0")

# Of libvips' readers only those that are held against hostile files, and nothing remembered of what was read.
pyvips.block_untrusted_set(True)
# Ours for writing; no file is taken for raw pixels by itself.
pyvips.operation_block_set("VipsForeignLoadRaw", False)
pyvips.cache_set_max(0)
# What it and Pillow have to say about broken files becomes an exception; the rest is not for the user.
for name in ("pyvips", "PIL"):
    logging.getLogger(name).addHandler(logging.NullHandler())


@dataclass(frozen=True, eq=False)
class Decoded:
    """What a file has.

    Attributes:
      image: its pixels, not yet turned upright, and metadata; decoded when they are asked for.
      encoding: see `jaxsr.imaging.picture.Picture`.
      colour_chunks: likewise.
      texts: likewise.
      comments: likewise.
      notes: for a person.
    """

    image: pyvips.Image
    encoding: Encoding | None = None
    colour_chunks: tuple[Chunk, ...] = ()
    texts: tuple[tuple[str, str], ...] = ()
    comments: tuple[bytes, ...] = ()
    notes: tuple[str, ...] = ()


def decode(path: Path, *, salvage: bool = False, page: int | None = None) -> Decoded:
    """Open a file; see `jaxsr.imaging.picture.open_picture`.

    Args:
      path: a file that exists.
      salvage: of a JPEG that is cut short, take what is there.
      page: of a TIFF, from 0; −1 for all frames of a GIF or WebP, one below the other; None for the first.

    Raises:
      InputError: it is no picture, or of a kind that is not taken.
      pyvips.Error: libvips cannot read it.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
    if is_heic(head):
        image, encoding, chunks = read_heic(path)
        return Decoded(image, encoding, chunks)
    if head.startswith(_BY_PILLOW) or (path.suffix.lower() == ".tga" and not _by_libvips(head)):
        image, notes = _by_pillow(path)
        return Decoded(image, notes=notes)
    if is_jpeg(head):
        image, notes = salvaged(path) if salvage else (_opened(path, {}), ())
        return Decoded(image, comments=read_comments(path), notes=notes)
    if head.startswith(b"\x89PNG"):
        return _png(path)
    if head.startswith((b"II", b"MM")):
        return _tiff(path, page)
    options = {"n": -1} if page == -1 else {}
    return Decoded(_opened(path, options), comments=read_comments(path))


def _opened(path, options):
    with path.open("rb") as file:
        # By descriptor, since libvips takes brackets in a name for options, and names need not be valid text.
        source = pyvips.Source.new_from_descriptor(file.fileno())
        return pyvips.Image.new_from_source(source, "", fail_on="error", **options)


def _by_libvips(head):
    """Whether a file begins as one of a format that libvips reads; a TGA begins with anything."""
    return head.startswith((b"\xff\xd8", b"\x89PNG", b"II*", b"MM\0", b"GIF8", b"RIFF")) or head[4:8] == b"ftyp"


def _png(path):
    image = _opened(path, {})
    try:
        colour = read_png_colour(path)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    image = significant_only(image, path)
    if not colour.profile:
        image = without(image, "icc-profile-data")
    return Decoded(image, colour.encoding, colour.chunks, tuple(read_text(path)), (), colour.notes)


def _tiff(path, page):
    # Pages of other sizes are read one by one; all as one picture is for animations.
    options = {"page": page} if page else {}
    tags = tiff_tags(path)
    if is_lab(tags):
        image = read_lab(path, tags, lambda: _opened(path, options))
        notes = ("its colours are CIE Lab, those of the result sRGB",)
    else:
        image, notes = _opened(path, options), ()
    if exif := read_exif(path):
        image = image.copy()
        image.set_type(pyvips.GValue.blob_type, "exif-data", exif)
    return Decoded(image, notes=notes)


def without_needless_opacity(image: pyvips.Image) -> pyvips.Image:
    """The pixels without opacity where all of a GIF or WebP is opaque: an animation has it whether it needs it or not.

    Raises:
      pyvips.Error: it is broken.
    """
    animated = field(image, "vips-loader", "").startswith(("gif", "webp"))
    if not animated or not image.hasalpha() or image.extract_band(image.bands - 1).min() < 255:
        return image
    return image.extract_band(0, n=image.bands - 1)


@contextlib.contextmanager
def _large_allowed() -> Iterator[None]:
    # What is too large is refused by `open_picture`, and by Pillow at twice what it warns of.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


def _by_pillow(path):
    try:
        with _large_allowed(), Image.open(path, formats=["BMP", "PPM", "JPEG2000", "ICO", "TGA"]) as opened:
            sizes = opened.info.get("sizes", ())
            # Gray of 16 bits; none of these formats has more.
            if opened.mode == "I" or opened.mode.startswith("I;16"):
                pixels = np.asarray(opened).astype(np.uint16)
            elif opened.has_transparency_data:
                pixels = np.asarray(opened.convert("RGBA"))
            else:
                pixels = np.asarray(opened.convert("L") if opened.mode in ("1", "L") else to_rgb(opened))
            dpi = opened.info.get("dpi")
    except BROKEN as error:
        raise InputError(f"{path}: {reason(error)}") from error
    image = image_of(pixels)
    # A resolution that libvips takes; a broken header can say anything.
    if dpi and all(0 < value < 1e6 for value in dpi):
        image = image.copy(xres=dpi[0] / 25.4, yres=dpi[1] / 25.4)
    return image, (f"the largest of {len(sizes)} pictures",) if len(sizes) > 1 else ()
