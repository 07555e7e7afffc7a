"""The metadata of pictures, which libvips keeps in named fields."""

import re
from typing import Any

import pyvips

from jaxsr.imaging.exif import exif_resolution, is_unitless
from jaxsr.imaging.formats import Kind
from jaxsr.imaging.iptc import iptc_for

# libvips' flags for the metadata to write. EXIF is not among them, because libvips would drop parts of it, and make up
# others. The stubs of pyvips type flags as integers; libvips also takes their names.
KEEP: Any = "xmp:iptc:icc:other"
# Resolutions by which libvips says that it is unknown; the others are 72 dpi, for JPEG and PNG.
UNKNOWN = (1.0, 1.0)
_MADE_UP = (UNKNOWN, (72 / 25.4, 72 / 25.4), (2.834, 2.834))
_KEPT = ("xmp-data", "iptc-data", "icc-profile-data", "resolution-unit", "image-description")
_XMP_ORIENTATION = re.compile(rb"""(tiff:Orientation(?:\s*=\s*["']|>\s*))(\d)""")

# These promise a gain map for HDR, and a clip, which the result does not have.
_PROMISE = rb"(?:hdrgm:Version|GCamera:MotionPhoto|GCamera:MicroVideo)"
_PROMISES = re.compile(rb"""\s%b\s*=\s*(?:"[^"]*"|'[^']*')|<%b>[^<]*</%b>""" % (_PROMISE, _PROMISE, _PROMISE))


def field(image: pyvips.Image, name: str, otherwise: Any) -> Any:
    """A field of metadata, or `otherwise` if the image does not have it."""
    return image.get(name) if image.get_typeof(name) else otherwise


def without(image: pyvips.Image, name: str) -> pyvips.Image:
    """A copy of the image without a field of metadata."""
    image = image.copy()
    if image.get_typeof(name):
        image.remove(name)
    return image


def upright(image: pyvips.Image) -> pyvips.Image:
    """The image turned upright by the orientation in its EXIF or, if that has none, in its XMP."""
    found = _XMP_ORIENTATION.search(field(image, "xmp-data", b""))
    if found and not image.get_typeof("orientation"):
        image = image.copy()
        image.set_type(pyvips.GValue.gint_type, "orientation", int(found[2]))
    return image.autorot()


def attach(image: pyvips.Image, name: str, data: Any) -> None:
    """Set a field of binary metadata, `data` in bytes; `image` must not be shared."""
    image.set_type(pyvips.GValue.blob_type, name, data)


def resolution_of(stored: pyvips.Image) -> tuple[float, float] | None:
    """The resolution of an image, across and down in pixels per millimetre; None if its file says nothing of it."""
    resolution, exif = (stored.xres, stored.yres), field(stored, "exif-data", b"")
    if is_unitless(exif) or min(resolution) <= 0:
        return None
    made_up = resolution in _MADE_UP and not stored.get_typeof("resolution-unit")
    return exif_resolution(exif) if made_up or resolution == UNKNOWN else resolution


def with_metadata(
    image: pyvips.Image, stored: pyvips.Image, *, ratios: tuple[float, float], profile: bool, kind: Kind
) -> pyvips.Image:
    """A copy of the result with the metadata of its source, apart from EXIF; the orientation is reset to upright.

    Args:
      image: the result.
      stored: the source picture.
      ratios: width and height of the result divided by those of the source; the resolution is multiplied by them.
      profile: whether to keep the source's colour profile.
      kind: the format in which the result is written.
    """
    image = without(image, "icc-profile-data")
    for name in _KEPT:
        if not stored.get_typeof(name) or (name == "icc-profile-data" and not profile):
            continue
        if value := _carried(name, stored.get(name), kind):
            image.set_type(stored.get_typeof(name), name, value)
    # What is attached can change the resolution, so this comes last.
    known = resolution_of(stored)
    across, down = (known[0] * ratios[0], known[1] * ratios[1]) if known else UNKNOWN
    return image.copy(xres=across, yres=down)


def _carried(name, value, kind):
    """The value of a source's field in its result."""
    if name == "xmp-data":
        return _PROMISES.sub(b"", _XMP_ORIENTATION.sub(rb"\g<1>1", value))
    return iptc_for(value, kind) if name == "iptc-data" else value


def written_resolution(image: pyvips.Image) -> tuple[float, float] | None:
    """The resolution of an image from `with_metadata`, across and down in pixels per millimetre; None if unknown."""
    return None if (image.xres, image.yres) == UNKNOWN else (image.xres, image.yres)
