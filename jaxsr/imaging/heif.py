"""Reads HEIC, the format of many phones, with pillow-heif; and the colours of AVIF, whose pixels libvips reads."""

import os
from pathlib import Path

import numpy as np
import pyvips
from PIL.AvifImagePlugin import AvifImageFile

from jaxsr.errors import InputError, first_line
from jaxsr.imaging.boxes import primary_numbers
from jaxsr.imaging.broken import BROKEN
from jaxsr.imaging.encoding import HDR_CURVES, SRGB, Encoding, encoding_of_numbers
from jaxsr.imaging.exif import orientation_of
from jaxsr.imaging.metadata import attach, field
from jaxsr.imaging.pixels import check_pixels, image_of, open_image
from jaxsr.imaging.png.chunks import Chunk
from jaxsr.imaging.png.colour import cicp_chunk

# ISO/IEC 23008-12, annex B.4: brands of still pictures and sequences with HEVC, and brands with any codec.
_HEVC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_ANY = {b"mif1", b"msf1"}
_UNSPECIFIED = 2
_BROKEN = (*BROKEN, RuntimeError)


def is_heic(head: bytes) -> bool:
    """Whether a file is a HEIC.

    Args:
      head: its first bytes.
    """
    if head[4:8] != b"ftyp":
        return False
    length = int.from_bytes(head[:4])
    brand, *compatible = [head[8:12], *(head[i : i + 4] for i in range(16, min(length, len(head)), 4))]
    return brand in _HEVC or (brand in _ANY and bool(_HEVC.intersection(compatible)))


def read_heic(path: Path) -> tuple[pyvips.Image, Encoding | None, tuple[Chunk, ...]]:
    """Read the primary picture of a HEIC.

    Samples of more than 8 bits are scaled to 16. A colour profile takes precedence over the numbers of primaries and
    transfer function.

    Returns:
      The picture, turned upright by the file's own transformations, with its profile, EXIF and XMP; the encoding that
      its numbers name, None for sRGB or a profile; and the cICP chunk for that encoding, if any. The field "n-pages"
      has the number of pictures.

    Raises:
      InputError: pillow-heif is not installed, or the file is broken or HDR.
    """
    try:
        opened = _opened(path)
        pixels = np.asarray(opened)
        info = opened.info
    except _BROKEN as error:
        raise _broken(path, error) from error
    if pixels.dtype == np.uint16 and (depth := info["bit_depth"]) < 16:
        pixels = np.round(_scaled(pixels, depth)).astype(np.uint16)
    image = image_of(pixels)
    _attach_all(image, info)
    # libheif has turned the picture; the orientation in its EXIF must not turn it again.
    image.set_type(pyvips.GValue.gint_type, "orientation", 1)
    image.set_type(pyvips.GValue.gint_type, "n-pages", len(opened))
    if info.get("icc_profile"):
        return image, None, ()
    numbers = info.get("nclx_profile") or {}
    encoding, chunks = _by_numbers(
        path, *(int(numbers.get(key, _UNSPECIFIED)) for key in ("color_primaries", "transfer_characteristics"))
    )
    return image, encoding, chunks


def read_avif(path: Path) -> tuple[pyvips.Image, Encoding | None, tuple[Chunk, ...]]:
    """Read an AVIF with libvips, which ignores the numbers; returns as `read_heic`.

    Raises:
      InputError: the file is HDR.
      pyvips.Error: it is broken.
    """
    image = open_image(path)
    if image.format == "ushort" and (depth := field(image, "bits-per-sample", 16)) < 16:
        image = _scaled(image, depth).rint().cast("ushort")
    # libheif has turned it, as for HEIC.
    image = image.copy()
    image.set_type(pyvips.GValue.gint_type, "orientation", 1)
    numbers = None if image.get_typeof("icc-profile-data") else primary_numbers(path)
    return image, *_by_numbers(path, *numbers or (_UNSPECIFIED, _UNSPECIFIED))


def read_animated_avif(path: Path, *, largest: int) -> tuple[pyvips.Image, Encoding | None, tuple[Chunk, ...]]:
    """Read the first frame of an animated AVIF, with Pillow because libvips refuses these; returns as `read_heic`.

    Raises:
      InputError: the file is broken, HDR, or has more pixels than `largest`.
    """
    try:
        with AvifImageFile(path) as opened:
            check_pixels(path, opened.size[::-1], largest=largest)
            image = image_of(np.asarray(opened))
            info, count = opened.info, opened.n_frames
    except InputError:
        raise
    except _BROKEN as error:
        raise _broken(path, error) from error
    _attach_all(image, info)
    # Pillow has not turned it, but says in its EXIF how to.
    image.set_type(pyvips.GValue.gint_type, "orientation", orientation_of(info.get("exif", b"")) or 1)
    image.set_type(pyvips.GValue.gint_type, "n-pages", count)
    numbers = None if info.get("icc_profile") else primary_numbers(path)
    return image, *_by_numbers(path, *numbers or (_UNSPECIFIED, _UNSPECIFIED))


def _attach_all(image, info):
    for name, key in (("icc-profile-data", "icc_profile"), ("exif-data", "exif"), ("xmp-data", "xmp")):
        if info.get(key):
            attach(image, name, bytes(info[key]))


def _scaled(samples, depth):
    """Samples of 16 bits whose lower bits are left zero, as libvips and pillow-heif leave them, at the full range."""
    return (samples >> (16 - depth)) * (65535 / (2**depth - 1))


def _by_numbers(path, primaries, transfer):
    if transfer in HDR_CURVES:
        raise InputError(
            f"{path}: its colours are HDR ({HDR_CURVES[transfer]}), which is not supported; convert it to SDR"
        )
    encoding = encoding_of_numbers(primaries, transfer)
    return (None, ()) if encoding in (None, SRGB) else (encoding, (cicp_chunk(primaries, transfer),))


def heic_size(path: str | os.PathLike) -> tuple[int, int]:
    """(height, width) of the upright HEIC, from its header; raises as `read_heic`."""
    try:
        width, height = _opened(path).size
    except _BROKEN as error:
        raise _broken(path, error) from error
    return height, width


def _broken(path, error):
    return InputError(f"{path}: cannot be read as a picture ({first_line(error)})")


def _opened(path):
    try:
        import pillow_heif
    except ModuleNotFoundError as error:
        raise InputError(f'{path}: HEIC needs pillow-heif: pip install "jaxsr[heic]"') from error
    return pillow_heif.open_heif(path, convert_hdr_to_8bit=False)
