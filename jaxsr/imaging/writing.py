"""Picture files from strips, with all that the file they come from had to say."""

import errno
import os
import re
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
from jaxsr.imaging.deflate import Compression
from jaxsr.imaging.exif import write_exif
from jaxsr.imaging.picture import LARGEST, Picture, field_names
from jaxsr.imaging.png import write_png
from jaxsr.imaging.profiles import from_srgb, has_foreign_colours, is_cmyk
from jaxsr.imaging.text import write_text

WITHOUT_OPACITY = (".jpg", ".jpeg", ".bmp")
# Whose colours are sRGB, whatever those of the input were.
_WITHOUT_PROFILE = (".bmp", ".gif")
_WITHOUT_INKS = (*_WITHOUT_PROFILE, ".png", ".webp")
# What a result may have at most: the largest picture that is read, eight times as large.
LARGEST_WRITTEN = 64 * LARGEST
# Pixels on a side.
_LONGEST = {".jpg": 65500, ".jpeg": 65500, ".webp": 16383, ".gif": 65535}
# Bits per channel that a format holds, where that is more than 8.
_DEEP = {".png": ("ushort",), ".tif": ("ushort", "float"), ".tiff": ("ushort", "float")}
_NUMPY = {"uchar": np.uint8, "ushort": np.uint16, "float": np.float32}
_LARGEST_OF = {"uchar": 255, "ushort": 65535, "float": 1}
_SPACES = {("uchar", 1): "b-w", ("ushort", 1): "grey16", ("uchar", 3): "srgb", ("ushort", 3): "rgb16"}
_KEPT = re.compile(r"exif-|xmp-data|iptc-data|png-comment-|icc-profile-data|resolution-unit|image-description")


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


def write_raw(strips: Iterator[np.ndarray], picture: Picture, target: Path, *, size: tuple[int, int]) -> Raw:
    """Keep strips on the disk that the target goes to.

    Args:
      strips: [h, W] or [h, W, C] from top to bottom, opacity last where the picture has it; uint8, or float in [0, 1].
      picture: what they come from.
      target: the file to be written; what it can hold decides on the depth.
      size: (height, width) of all strips together.

    Raises:
      OSError: the disk is full.
    """
    format = target_format(picture, target)
    # Colours that are converted once more keep 16 bits until then.
    if format == "uchar" and has_foreign_colours(picture.stored):
        format = "ushort"
    target.parent.mkdir(parents=True, exist_ok=True)
    file = tempfile.TemporaryFile(dir=target.parent)  # noqa: SIM115 (handed over)
    try:
        for strip in strips:
            file.write(_quantised(strip, format).tobytes())
        file.flush()
    except BaseException:
        file.close()
        raise
    return Raw(file, size, picture.colour.bands + (picture.opacity is not None), format)


def write_picture(
    target: Path, raw: Raw, picture: Picture, *, quality: int = 95, compression: Compression = "balanced"
) -> None:
    """Write a picture file from `write_raw`, which is closed; the target appears whole or not at all.

    Depth, colour profile, EXIF, XMP, resolution (in proportion) and text are those of `picture`, as far as the format
    has them; the orientation is applied and its tag reset.

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
    # By descriptor, since libvips takes brackets in a name for options, and names need not be valid text.
    with raw.file, replacing(target) as temporary, temporary.open("r+b") as file:
        try:
            image, keep = _finished(raw, picture, target), _kept(picture.stored, target)
            if target.suffix.lower() == ".png":
                write_png(file, image, keep=keep, compression=compression)
                write_text(file, picture.texts)
            else:
                _SAVERS[target.suffix.lower()](image, _path_of(file), keep, quality)
            if target.suffix.lower() in (".tif", ".tiff") and picture.stored.get_typeof("exif-data"):
                write_exif(file, picture.stored.get("exif-data"), size=raw.size)
        except pyvips.Error as error:
            text = str(error.detail).strip()
            if "No space left" in text:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
            raise InputError(
                f"{target}: cannot be written ({text.splitlines()[-1] if text else 'no reason given'})"
            ) from error


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


def _path_of(file):
    return f"/dev/fd/{file.fileno()}"


def _quantised(strip, format):
    if strip.dtype == _NUMPY[format]:
        return strip
    unit = strip.astype(np.float32) / 255 if strip.dtype == np.uint8 else strip
    if format == "float":
        return unit
    return np.round(np.clip(unit, 0, 1) * _LARGEST_OF[format]).astype(_NUMPY[format])


def _finished(raw, picture, target):
    """The result as a lazy libvips picture: colours of the file's own profile, metadata."""
    height, width = raw.size
    bytes_per_pixel = raw.bands * np.dtype(_NUMPY[raw.format]).itemsize
    image = pyvips.Image.rawload(_path_of(raw.file), width, height, bytes_per_pixel)
    image = image.copy(bands=raw.bands, format=raw.format)
    count = picture.colour.bands
    colours = image.extract_band(0, n=count).copy(interpretation=_SPACES.get((raw.format, count), "multiband"))
    format = target_format(picture, target)
    bits = 16 if format == "ushort" else 8
    own_colours = target.suffix.lower() not in (_WITHOUT_INKS if is_cmyk(picture.stored) else _WITHOUT_PROFILE)
    if own_colours:
        colours = from_srgb(colours, picture.stored, bits=bits)
    if colours.format != format:
        colours = (colours / (65535 / _LARGEST_OF[format])).rint().cast(format).copy(interpretation="srgb")
    if raw.bands > count:
        opacity = image.extract_band(count)
        if opacity.format != colours.format:
            opacity = (opacity / 257).rint().cast(colours.format)
        colours = colours.bandjoin(opacity)
    return _with_metadata(colours, picture.stored, ratio=width / picture.size[1], profile=own_colours)


def _kept(stored, target):
    """libvips' flags for what is written; it would make EXIF up where there is none, which only resolution needs."""
    needed = _resolution_known(stored) and target.suffix.lower() not in (".png", ".tif", ".tiff")
    return "xmp:iptc:icc:other" + (":exif" if needed or _has_exif(stored) else "")


def _has_exif(stored):
    return any(name.startswith("exif-") for name in field_names(stored))


def _resolution_known(stored):
    # 1 pixel per millimetre is libvips' word for unknown.
    return (stored.xres, stored.yres) != (1.0, 1.0)


def _with_metadata(image, stored, *, ratio, profile):
    image = image.copy()
    if image.get_typeof("icc-profile-data"):
        image.remove("icc-profile-data")
    for name in field_names(stored):
        value = stored.get(name) if _KEPT.match(name) else None
        # Text beyond ASCII is not libvips' to write.
        beyond = name.startswith("png-comment-") and not (name + str(value)).isascii()
        if value is not None and not beyond and (profile or name != "icc-profile-data"):
            if name == "xmp-data":
                value = re.sub(rb"""(tiff:Orientation(?:\s*=\s*["']|>\s*))\d""", rb"\g<1>1", value)
            image.set_type(stored.get_typeof(name), name, value)
    if _has_exif(stored):
        image.set_type(pyvips.GValue.gint_type, "orientation", 1)
    # After EXIF was attached, since libvips then takes the resolution that stands there: all that a WebP has.
    source = stored if _resolution_known(stored) else image
    scales = (source.xres * ratio, source.yres * ratio) if _resolution_known(source) else (1.0, 1.0)
    return image.copy(xres=scales[0], yres=scales[1])


def _save_bitmap(image, path, _keep, _quality):
    # libvips has no writer for BMP.
    pixels = image.numpy()
    Image.fromarray(pixels).save(path, format="BMP", dpi=(image.xres * 25.4, image.yres * 25.4))


def _save_tiff(image, path, keep, _quality):
    predictor = "float" if image.format == "float" else "horizontal"
    # The classic format ends at 4 gigabytes.
    large = image.width * image.height * image.bands * np.dtype(_NUMPY[image.format]).itemsize > 2**31
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
