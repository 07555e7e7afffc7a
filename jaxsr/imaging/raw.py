"""Upscaled pixels on disk, and their conversion to the depth and colours of the file that they go to."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyvips

from jaxsr.imaging.color import unit_of
from jaxsr.imaging.formats import format_of
from jaxsr.imaging.icc import icc_profile
from jaxsr.imaging.metadata import attach, with_metadata
from jaxsr.imaging.picture import Picture
from jaxsr.imaging.pixels import DTYPES, SPACES, WHITE
from jaxsr.imaging.profiles import from_srgb, gray_in_srgb, has_foreign_colours, is_cmyk


@dataclass(frozen=True)
class Raw:
    """Upscaled pixels on disk, before they are written as a picture file.

    Attributes:
      file: an open temporary file without a name; closing it deletes the pixels. It holds rows of interleaved channels,
        opacity last.
      size: (height, width).
      bands: number of channels, opacity included.
      format: "uchar", "ushort" or "float".
    """

    file: BinaryIO
    size: tuple[int, int]
    bands: int
    format: str

    @property
    def bytes_per_pixel(self) -> int:
        """Number of bytes of all channels of a pixel."""
        return self.bands * np.dtype(DTYPES[self.format]).itemsize

    @property
    def length(self) -> int:
        """Number of bytes of all pixels."""
        return self.size[0] * self.size[1] * self.bytes_per_pixel


def write_raw(
    strips: Iterator[np.ndarray],
    picture: Picture,
    target: Path,
    *,
    size: tuple[int, int],
    above: Raw | None = None,
) -> Raw:
    """Write strips to a temporary file in the folder of the target.

    Args:
      strips: [h, W] or [h, W, C] from top to bottom, uint8 or float in [0, 1]; opacity is the last channel if the
        picture has one.
      picture: the source of the strips.
      target: the picture file to write later; its format decides on the depth.
      size: (height, width) of all strips together.
      above: pixels of the same width and kind; the strips are appended below them in the same file, which is closed on
        an error.

    Raises:
      OSError: the disk is full.
    """
    format = target_format(picture, target)
    # Colours that will be converted back keep 16 bits until then.
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


def target_format(picture: Picture, target: Path) -> str:
    """The depth in which `target` stores the picture, by libvips' name: "uchar", "ushort" or "float"."""
    deep = format_of(target).deep
    wanted = picture.stored.format
    return wanted if wanted in deep else "ushort" if wanted == "float" and "ushort" in deep else "uchar"


def finished(raw: Raw, picture: Picture, target: Path, *, frames: int = 1) -> pyvips.Image:
    """The result as a lazy image in the colours of the source, with its metadata; `frames` lie one below the other."""
    height, width = raw.size
    image = pyvips.Image.rawload(path_of(raw.file), width, height, raw.bytes_per_pixel)
    image = image.copy(bands=raw.bands, format=raw.format)
    count = picture.colour.bands
    colours = image.extract_band(0, n=count).copy(interpretation=SPACES.get((raw.format, count), "multiband"))
    format = target_format(picture, target)
    bits = 16 if format == "ushort" else 8
    profiles = format_of(target).profiles
    # Gray of another encoding can also go into a file as RGB.
    own_kind = "cmyk" if is_cmyk(picture.stored) else "gray" if count == 1 and picture.encoding is None else "rgb"
    own_colours = own_kind in profiles
    if own_kind == "gray" and not own_colours:
        colours = gray_in_srgb(colours, picture.stored, bits=bits)
    elif own_colours:
        colours = from_srgb(colours, picture.stored, bits=bits, encoding=picture.encoding)
    if colours.format != format:
        colours = (colours / (65535 / WHITE[format])).rint().cast(format).copy(interpretation="srgb")
    if raw.bands > count:
        opacity = image.extract_band(count)
        if opacity.format != colours.format:
            opacity = (opacity / 257).rint().cast(colours.format)
        colours = colours.bandjoin(opacity)
    ratios = width / picture.size[1], height / frames / picture.size[0]
    kind = format_of(target).kind
    finished = with_metadata(colours, picture.stored, ratios=ratios, profile=own_colours, kind=kind)
    if picture.encoding is not None and own_colours and kind != "PNG":
        gray = count == 1 and "gray" in profiles
        finished = finished if gray or count > 1 else finished.colourspace("srgb")
        attach(finished, "icc-profile-data", icc_profile(picture.encoding, gray=gray))
    return finished


def path_of(file: BinaryIO) -> str:
    """A path by which libvips can open a file that has no name."""
    return f"/dev/fd/{file.fileno()}"


def _quantised(strip, format):
    if strip.dtype == DTYPES[format]:
        return strip
    unit = unit_of(strip)
    if format == "float":
        return unit
    return np.round(np.clip(unit, 0, 1) * WHITE[format]).astype(DTYPES[format])
