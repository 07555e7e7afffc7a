"""Opens picture files of every format as libvips images, with what each format says beside the pixels."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyvips
from PIL import ExifTags

from jaxsr.errors import InputError
from jaxsr.imaging.comments import is_gif_cut_short, read_comments
from jaxsr.imaging.decoded import Decoded
from jaxsr.imaging.exif import orientation_of
from jaxsr.imaging.formats import kind_of
from jaxsr.imaging.heif import read_animated_avif, read_avif, read_heic
from jaxsr.imaging.lab import CIE_LAB, ICC_LAB, read_lab
from jaxsr.imaging.metadata import attach, field, without
from jaxsr.imaging.mpf import jpeg_count
from jaxsr.imaging.pillow_formats import read_by_pillow
from jaxsr.imaging.pixels import LARGEST, open_image
from jaxsr.imaging.png.animation import frame_count
from jaxsr.imaging.png.chunks import read_chunks
from jaxsr.imaging.png.colour import significant_bits, significant_only, with_png_colour
from jaxsr.imaging.png.text import read_text
from jaxsr.imaging.salvage import salvaged
from jaxsr.imaging.tiff import Tags, own_pages, tiff_tags
from jaxsr.imaging.tiff_exif import read_tiff_exif

# Only those of libvips' readers that are safe for hostile files.
pyvips.block_untrusted_set(True)
# Writing needs the reader of raw pixels. It is safe: libvips never chooses it by itself.
pyvips.operation_block_set("VipsForeignLoadRaw", False)
# libvips caches operations by default; nothing that was read is to be kept.
pyvips.cache_set_max(0)
# Errors of libvips and Pillow become exceptions; what else they log is not for the user.
for name in ("pyvips", "PIL"):
    logging.getLogger(name).addHandler(logging.NullHandler())


def decode(path: Path, *, salvage: bool = False, all_frames: bool = False, largest: int = LARGEST) -> Decoded:
    """Open a picture file; see `jaxsr.imaging.picture.open_picture`.

    Args:
      path: a file that exists.
      salvage: whether to read what is there of a truncated JPEG.
      all_frames: whether to open all frames of a GIF or WebP, one below the other, instead of the first.
      largest: most pixels of a picture that is decoded at once: one that Pillow reads, or that is salvaged.

    Raises:
      InputError: the file is not a picture, too large, or of an unsupported kind.
      pyvips.Error: libvips cannot read it.
    """
    match kind := kind_of(path):
        case "JPEG":
            image, notes = salvaged(path, largest=largest) if salvage else (open_image(path), ())
            return Decoded(image, comments=read_comments(path), notes=notes, count=jpeg_count(path))
        case "PNG":
            return _png(path)
        case "TIFF":
            return _tiff(path)
        case "HEIC":
            return read_heic(path)
        case "AVIF":
            return read_avif(path)
        case "animated AVIF":
            return read_animated_avif(path, largest=largest)
        case "GIF" | "WEBP" | None:
            options: dict[str, Any] = {"n": -1} if all_frames else {}
            image = open_image(path, **options)
            cut_short = kind == "GIF" and is_gif_cut_short(path)
            notes = ("its end is missing, and frames may be",) if cut_short else ()
            return Decoded(image, comments=read_comments(path), notes=notes, count=field(image, "n-pages", 1))
        case _:
            return read_by_pillow(path, kind, largest=largest)


def _png(path):
    coloured = with_png_colour(path, significant_only(open_image(path), significant_bits(path)))
    image = coloured.stored
    if not image.get_typeof("exif-data"):
        # libvips overlooks EXIF after the pixels.
        for _, exif in read_chunks(path, (b"eXIf",)):
            image = image.copy()
            attach(image, "exif-data", b"Exif\0\0" + exif)
            if orientation := orientation_of(exif):
                image.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    return replace(coloured, stored=image, texts=read_text(path), count=max(1, frame_count(path)))


def _tiff(path):
    tags = tiff_tags(path)
    pages = own_pages(tags)
    first = decode_page(path, pages[0] if pages else 0, tags=tags)
    # A raw photo is such a file: it keeps the photo itself in a directory that is no page.
    hidden = not pages and any(ExifTags.Base.SubIFDs in one for one in tags)
    notes = ("only the small preview in it can be read",) if hidden else ()
    return replace(first, notes=(*first.notes, *notes), count=max(1, len(pages)))


def decode_page(path: Path, page: int, *, tags: list[Tags]) -> Decoded:
    """Open one page of a TIFF by its number, from 0, with the file's `tiff_tags`; raises as `decode`."""
    own = tags[page] if tags else {}
    if 3 in own.get(ExifTags.Base.SampleFormat, ()) and 64 in own.get(ExifTags.Base.BitsPerSample, ()):
        raise InputError(f"{path}: floats of 64 bits are not supported; save it as 32-bit floats")
    if own.get(ExifTags.Base.PhotometricInterpretation) in (CIE_LAB, ICC_LAB):
        image, notes = read_lab(path, page, own), ("its colours are CIE Lab; those of the result are sRGB",)
    else:
        image, notes = open_image(path, page=page), ()
    # libvips says 1 where there is no tag, but then XMP may give the orientation.
    if ExifTags.Base.Orientation not in own and field(image, "orientation", 1) == 1:
        image = without(image, "orientation")
    if exif := read_tiff_exif(path):
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
