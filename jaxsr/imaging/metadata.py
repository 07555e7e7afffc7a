"""Metadata of pictures, as libvips holds it in fields."""

import contextlib
import itertools
import re
from pathlib import Path
from typing import Any

import pyvips

_KEPT = re.compile(r"exif-|xmp-data|iptc-data|png-comment-|icc-profile-data|resolution-unit|image-description")


def field(image: pyvips.Image, name: str, otherwise: Any) -> Any:
    """A field of metadata, or `otherwise` where there is none."""
    return image.get(name) if image.get_typeof(name) else otherwise


def without(image: pyvips.Image, field: str) -> pyvips.Image:
    """The image without a field of metadata."""
    image = image.copy()
    if image.get_typeof(field):
        image.remove(field)
    return image


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


def kept(stored: pyvips.Image, target: Path) -> str:
    """libvips' flags for what is written; it would make EXIF up where there is none, which only resolution needs."""
    needed = _resolution_known(stored) and target.suffix.lower() not in (".png", ".tif", ".tiff")
    return "xmp:iptc:icc:other" + (":exif" if needed or _has_exif(stored) else "")


def _has_exif(stored):
    return any(name.startswith("exif-") for name in field_names(stored))


def _resolution_known(stored):
    # 1 pixel per millimetre is libvips' word for unknown.
    return (stored.xres, stored.yres) != (1.0, 1.0)


def with_metadata(image: pyvips.Image, stored: pyvips.Image, *, ratio: float, profile: bool) -> pyvips.Image:
    """An image with the metadata of a file, upright.

    Args:
      image: the result.
      stored: the picture as the file has it.
      ratio: pixels of the result for each of its pixels, by which its resolution grows.
      profile: whether it keeps the file's colour profile.
    """
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
