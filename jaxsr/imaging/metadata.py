"""The metadata of pictures, which libvips keeps in named fields."""

import contextlib
import itertools
import re
from pathlib import Path
from typing import Any

import pyvips

_KEPT = re.compile(r"exif-|xmp-data|iptc-data|png-comment-|icc-profile-data|resolution-unit|image-description")
_XMP_ORIENTATION = re.compile(rb"""(tiff:Orientation(?:\s*=\s*["']|>\s*))(\d)""")


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


def field_names(stored: pyvips.Image) -> list[str]:
    """The names of all fields, without those of PNG texts that pyvips cannot decode; `read_text` reads these."""
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
    """libvips' flags for the metadata to write.

    EXIF is left out if the source has none, because libvips would make it up. The exception is a known resolution in a
    format that stores it in EXIF.
    """
    needed = _resolution_known(stored) and target.suffix.lower() not in (".png", ".tif", ".tiff")
    return "xmp:iptc:icc:other" + (":exif" if needed or _has_exif(stored) else "")


def _has_exif(stored):
    return any(name.startswith("exif-") for name in field_names(stored))


def _resolution_known(stored):
    # libvips reports an unknown resolution as 1 pixel per millimetre.
    return (stored.xres, stored.yres) != (1.0, 1.0)


def with_metadata(image: pyvips.Image, stored: pyvips.Image, *, ratio: float, profile: bool) -> pyvips.Image:
    """A copy of the result with the metadata of its source; the orientation is reset to upright.

    The thumbnail in the source's EXIF is left out.

    Args:
      image: the result.
      stored: the source picture with its metadata.
      ratio: width of the result divided by that of the source; the resolution is multiplied by it.
      profile: whether to keep the source's colour profile.
    """
    image = without(image, "icc-profile-data")
    for name in field_names(stored):
        value: Any = stored.get(name) if _KEPT.match(name) else None
        # libvips garbles text beyond ASCII; `write_text` writes it.
        beyond = name.startswith("png-comment-") and not (name + str(value)).isascii()
        if value is not None and not beyond and (profile or name != "icc-profile-data"):
            if name == "xmp-data":
                attach(image, name, _XMP_ORIENTATION.sub(rb"\g<1>1", value))
            else:
                image.set_type(stored.get_typeof(name), name, value)
    if _has_exif(stored):
        image.set_type(pyvips.GValue.gint_type, "orientation", 1)
    # The thumbnail in the EXIF shows the source as it was stored, which may be turned otherwise.
    image = without(image, "jpeg-thumbnail-data")
    # When EXIF is attached, libvips takes over the resolution in it, which is all that a WebP has. So this comes last.
    source = stored if _resolution_known(stored) else image
    scales = (source.xres * ratio, source.yres * ratio) if _resolution_known(source) else (1.0, 1.0)
    return image.copy(xres=scales[0], yres=scales[1])
