"""Opens picture files of every format as libvips images, with what each format says beside the pixels."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from PIL import ImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.IcoImagePlugin import IcoImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.PpmImagePlugin import PpmImageFile
from PIL.TgaImagePlugin import TgaImageFile

from jaxsr.errors import InputError
from jaxsr.imaging.comments import is_gif_cut_short, read_comments
from jaxsr.imaging.encoding import Encoding
from jaxsr.imaging.exif import read_exif, tiff_tags
from jaxsr.imaging.heif import avif_colour, is_heic, read_heic
from jaxsr.imaging.lab import is_lab, read_lab
from jaxsr.imaging.metadata import attach, field, without
from jaxsr.imaging.photo import BROKEN, reason, to_rgb
from jaxsr.imaging.pixels import LARGEST, check_pixels, image_of, open_image
from jaxsr.imaging.png.chunks import Chunk
from jaxsr.imaging.png.colour import read_png_colour, significant_only
from jaxsr.imaging.png.text import read_text
from jaxsr.imaging.salvage import is_jpeg, salvaged

# Pillow's readers by the first bytes of the formats that the wheels of libvips do not read.
_PLUGINS: dict[bytes, type[ImageFile.ImageFile]] = {
    b"BM": BmpImageFile,
    **{b"P%d" % number: PpmImageFile for number in range(1, 7)},
    b"\0\0\0\x0cjP": Jpeg2KImageFile,
    b"\0\0\1\0": IcoImageFile,
}

# Only those of libvips' readers that are safe for hostile files.
pyvips.block_untrusted_set(True)
# Writing needs the reader of raw pixels. It is safe: libvips never chooses it by itself.
pyvips.operation_block_set("VipsForeignLoadRaw", False)
# libvips caches operations by default; nothing that was read is to be kept.
pyvips.cache_set_max(0)
# Errors of libvips and Pillow become exceptions; what else they log is not for the user.
for name in ("pyvips", "PIL"):
    logging.getLogger(name).addHandler(logging.NullHandler())


@dataclass(frozen=True, eq=False)
class Decoded:
    """The contents of a picture file.

    Attributes:
      image: the pixels and metadata, not yet turned upright; pixels are decoded on demand.
      encoding: see `jaxsr.imaging.picture.Picture`.
      colour_chunks: see `Picture`.
      texts: see `Picture`.
      comments: see `Picture`.
      notes: what a person should know about the file.
    """

    image: pyvips.Image
    encoding: Encoding | None = None
    colour_chunks: tuple[Chunk, ...] = ()
    texts: tuple[tuple[str, str], ...] = ()
    comments: tuple[bytes, ...] = ()
    notes: tuple[str, ...] = ()


def decode(path: Path, *, salvage: bool = False, page: int | None = None, largest: int = LARGEST) -> Decoded:
    """Open a picture file; see `jaxsr.imaging.picture.open_picture`.

    Args:
      path: a file that exists.
      salvage: whether to read what is there of a truncated JPEG.
      page: the page of a TIFF, from 0; −1 for all frames of a GIF or WebP, one below the other; None for the first
        picture.
      largest: most pixels of a picture that Pillow reads, which decodes it at once.

    Raises:
      InputError: the file is not a picture, too large, or of an unsupported kind.
      pyvips.Error: libvips cannot read it.
    """
    head = head_of(path)
    if is_heic(head):
        image, encoding, chunks = read_heic(path)
        return Decoded(image, encoding, chunks)
    if head.startswith(tuple(_PLUGINS)) or (path.suffix.lower() == ".tga" and not known_to_libvips(head)):
        image, notes = _by_pillow(path, head, largest)
        return Decoded(image, notes=notes)
    if is_jpeg(head):
        image, notes = salvaged(path) if salvage else (open_image(path), ())
        return Decoded(image, comments=read_comments(path), notes=notes)
    if head.startswith(b"\x89PNG"):
        return _png(path)
    if head.startswith((b"II", b"MM")):
        return _tiff(path, page)
    if head[4:8] == b"ftyp":
        image = open_image(path)
        return Decoded(image, *avif_colour(path, image))
    options: dict[str, Any] = {"n": -1} if page == -1 else {}
    notes = ("its end is missing, and frames may be",) if is_gif_cut_short(path) else ()
    return Decoded(open_image(path, **options), comments=read_comments(path), notes=notes)


def head_of(path: Path) -> bytes:
    """The first bytes of a file, enough to recognise its format."""
    with path.open("rb") as file:
        return file.read(64)


def known_to_libvips(head: bytes) -> bool:
    """Whether the first bytes are those of a format that libvips reads. A TGA can begin with any bytes."""
    starts = (b"\xff\xd8", b"\x89PNG", b"II*\0", b"II+\0", b"MM\0", b"GIF8", b"RIFF")
    return head.startswith(starts) or head[4:8] == b"ftyp"


def _png(path):
    image = open_image(path)
    try:
        colour = read_png_colour(path)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    image = significant_only(image, path)
    if not colour.profile:
        image = without(image, "icc-profile-data")
    return Decoded(image, colour.encoding, colour.chunks, tuple(read_text(path)), (), colour.notes)


def _tiff(path, page):
    # One page at a time, because pages can differ in size. Only animations are read as one image of all frames.
    options = {"page": page} if page else {}
    tags = tiff_tags(path)
    if is_lab(tags):
        image = read_lab(path, tags, lambda: open_image(path, **options))
        notes = ("its colours are CIE Lab; those of the result are sRGB",)
    else:
        image, notes = open_image(path, **options), ()
    if exif := read_exif(path):
        image = image.copy()
        attach(image, "exif-data", exif)
    return Decoded(image, notes=notes)


def without_needless_opacity(image: pyvips.Image) -> pyvips.Image:
    """Drop the opacity of a GIF or WebP that is fully opaque; animations have an opacity whether they need it or not.

    Raises:
      pyvips.Error: the pixels are broken.
    """
    animated = field(image, "vips-loader", "").startswith(("gif", "webp"))
    if not animated or not image.hasalpha():
        return image
    lowest: Any = image.extract_band(image.bands - 1).min()
    if lowest < 255:
        return image
    return image.extract_band(0, n=image.bands - 1)


def _by_pillow(path, head, largest):
    try:
        # `Image.open` would refuse pictures by a limit for the whole process; this one is only ours.
        make = next((plugin for start, plugin in _PLUGINS.items() if head.startswith(start)), TgaImageFile)
        with make(path) as opened:
            check_pixels(path, opened.size[::-1], largest=largest)
            sizes = opened.info.get("sizes", ())
            # 16-bit gray; none of these formats has more bits.
            if opened.mode == "I" or opened.mode.startswith("I;16"):
                pixels = np.asarray(opened).astype(np.uint16)
            elif opened.has_transparency_data:
                pixels = np.asarray(opened.convert("RGBA"))
            else:
                pixels = np.asarray(opened.convert("L") if opened.mode in ("1", "L") else to_rgb(opened))
            dpi = opened.info.get("dpi")
    except InputError:
        raise
    except BROKEN as error:
        raise InputError(f"{path}: {reason(error)}") from error
    image = image_of(pixels)
    # A broken header can hold any number; libvips takes only plausible ones.
    if dpi and all(0 < value < 1e6 for value in dpi):
        image = image.copy(xres=dpi[0] / 25.4, yres=dpi[1] / 25.4)
    return image, (f"the largest of {len(sizes)} pictures",) if len(sizes) > 1 else ()
