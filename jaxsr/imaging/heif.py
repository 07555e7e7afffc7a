"""Reads HEIC, the format of many phones, with pillow-heif; and the colours of AVIF, whose pixels libvips reads."""

from pathlib import Path

import numpy as np
import pyvips
from PIL.AvifImagePlugin import AvifImageFile

from jaxsr.errors import InputError
from jaxsr.imaging.boxes import primary_numbers
from jaxsr.imaging.broken import reading
from jaxsr.imaging.decoded import Decoded
from jaxsr.imaging.encoding import HDR_CURVES, SRGB, encoding_of_numbers
from jaxsr.imaging.exif import orientation_of
from jaxsr.imaging.metadata import attach, field
from jaxsr.imaging.pixels import check_pixels, image_of, open_image
from jaxsr.imaging.png.colour import cicp_chunk


def read_heic(path: Path) -> Decoded:
    """Read the primary picture of a HEIC, turned upright by the file's own transformations.

    Samples of more than 8 bits are scaled to 16. A colour profile takes precedence over the numbers of primaries and
    transfer function. A PNG can keep the colours that the numbers name by a cICP chunk.

    Raises:
      InputError: pillow-heif is not installed, or the file is broken or HDR.
    """
    with reading(path):
        opened = _opened(path)
        pixels, info = np.asarray(opened), opened.info
    if pixels.dtype == np.uint16 and (depth := info["bit_depth"]) < 16:
        pixels = np.round(_scaled(pixels, depth)).astype(np.uint16)
    image = _with_metadata(image_of(pixels), info)
    named = info.get("nclx_profile")
    numbers = named and (int(named["color_primaries"]), int(named["transfer_characteristics"]))
    return _decoded(path, image, numbers, count=len(opened))


def heic_size(path: Path) -> tuple[int, int]:
    """(height, width) of the upright HEIC, from its header; raises as `read_heic`."""
    with reading(path):
        width, height = _opened(path).size
    return height, width


def read_avif(path: Path) -> Decoded:
    """Read an AVIF with libvips, which ignores the numbers; otherwise as `read_heic`.

    Raises:
      InputError: the file is HDR.
      pyvips.Error: it is broken.
    """
    image = open_image(path)
    if image.format == "ushort" and (depth := field(image, "bits-per-sample", 16)) < 16:
        image = _scaled(image, depth).rint().cast("ushort")
    return _decoded(path, image.copy(), primary_numbers(path), count=field(image, "n-pages", 1))


def read_animated_avif(path: Path, *, largest: int) -> Decoded:
    """Read the first frame of an animated AVIF, with Pillow because libvips refuses these.

    Raises:
      InputError: the file is broken, HDR, or has more pixels than `largest`.
    """
    with reading(path), AvifImageFile(path) as opened:
        check_pixels(path, opened.size[::-1], largest=largest)
        image = _with_metadata(image_of(np.asarray(opened)), opened.info)
        # Pillow has not turned it, but says in its EXIF how to.
        orientation = orientation_of(opened.info.get("exif", b"")) or 1
        return _decoded(path, image, primary_numbers(path), count=opened.n_frames, orientation=orientation)


def _opened(path):
    try:
        import pillow_heif
    except ModuleNotFoundError as error:
        raise InputError(f'{path}: HEIC needs pillow-heif: pip install "jaxsr[heic]"') from error
    return pillow_heif.open_heif(path, convert_hdr_to_8bit=False)


def _with_metadata(image, info):
    for name, key in (("icc-profile-data", "icc_profile"), ("exif-data", "exif"), ("xmp-data", "xmp")):
        if info.get(key):
            attach(image, name, bytes(info[key]))
    return image


def _scaled(samples, depth):
    """Samples of 16 bits whose lower bits are left zero, as libvips and pillow-heif leave them, at the full range."""
    return (samples >> (16 - depth)) * (65535 / (2**depth - 1))


def _decoded(path, image, numbers, *, count, orientation=1):
    # libheif has turned the picture; the orientation in its EXIF must not turn it again.
    image.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    if numbers is None or image.get_typeof("icc-profile-data"):
        return Decoded(image, count=count)
    primaries, transfer = numbers
    if transfer in HDR_CURVES:
        raise InputError(
            f"{path}: its colours are HDR ({HDR_CURVES[transfer]}), which is not supported; convert it to SDR"
        )
    encoding = encoding_of_numbers(primaries, transfer)
    if encoding in (None, SRGB):
        return Decoded(image, count=count)
    return Decoded(image, encoding, (cicp_chunk(primaries, transfer),), count=count)
