"""Converts colours by their profiles: to sRGB for the network, and back for the file."""

import numpy as np
import pyvips

from jaxsr.imaging.encoding import SRGB, Encoding, converted
from jaxsr.imaging.metadata import attach, without
from jaxsr.imaging.pixels import SPACES

# Colours that show whether a profile is sRGB under another name.
_STEPS = np.linspace(0, 255, 7).astype(np.uint8)
_CUBE = np.stack(np.meshgrid(_STEPS, _STEPS, _STEPS), axis=-1).reshape(7, 49, 3)
_PROFILE = "icc-profile-data"


def with_usable_profile(image: pyvips.Image) -> tuple[pyvips.Image, tuple[str, ...]]:
    """The image, without its profile if that is broken or for colours of another kind; and notes for a person.

    With such a profile, colours could perhaps be converted to sRGB, but not back for the result.
    """
    bands = image.bands - image.hasalpha()
    if not image.get_typeof(_PROFILE) or bands not in (1, 3, 4) or _is_usable(image.get(_PROFILE), bands):
        return image, ()
    read_as = "common CMYK" if is_cmyk(image) else "sRGB"
    return without(image, _PROFILE), (f"its colour profile cannot be read; the colours are read as {read_as}",)


def _is_usable(profile, bands):
    """Whether a profile converts one pixel to Lab and back to as many bands. Gray is never converted to Lab."""
    pixel = pyvips.Image.black(1, 1, bands=bands).copy(interpretation=SPACES["uchar", bands])
    lab = pyvips.Image.black(1, 1, bands=3).copy(interpretation="lab")
    attach(lab, _PROFILE, profile)
    attach(pixel, _PROFILE, profile)
    try:
        pixel.icc_import(embedded=True, pcs="lab").write_to_memory()
        # For an unusable profile libvips imports by another one, but does not export.
        exported = lab.icc_export(pcs="lab")
        exported.write_to_memory()
    except pyvips.Error:
        return False
    return bands == 1 or exported.bands == bands


def to_srgb(image: pyvips.Image, *, encoding: Encoding | None = None) -> pyvips.Image:
    """Convert colours to sRGB, with 16 bits if they change.

    Gray stays unchanged, whatever its profile. So do floats, which have no gamut to be converted to.

    Args:
      image: one band, three, or four of CMYK; no opacity. Its profile, if it has one, is usable.
      encoding: the meaning of the samples; None to follow the image's profile.

    Raises:
      pyvips.Error: the pixels cannot be read.
    """
    if encoding is not None:
        return converted(image, encoding, SRGB, bits=16)
    if image.bands == 1 or image.format == "float":
        return image
    if is_cmyk(image):
        return image.icc_transform("srgb", embedded=True, input_profile="cmyk", depth=16)
    if image.interpretation not in ("srgb", "rgb16", "rgb", "multiband"):
        return image.colourspace("srgb")
    return image.icc_transform("srgb", embedded=True, depth=16) if _foreign(image) else image


def from_srgb(
    image: pyvips.Image, stored: pyvips.Image, *, bits: int, encoding: Encoding | None = None
) -> pyvips.Image:
    """Convert the network's colours back to those of the source file; the inverse of `to_srgb`.

    Args:
      image: sRGB or gray, without opacity.
      stored: the source picture; its profile, if it has one, is usable.
      bits: bits per band of the result, 8 or 16.
      encoding: as for `to_srgb`.
    """
    if encoding is not None:
        return converted(image, SRGB, encoding, bits=bits)
    if not has_foreign_colours(stored):
        return image
    if not stored.get_typeof(_PROFILE):
        return image.icc_transform("cmyk", input_profile="srgb", depth=bits)
    colours = image.icc_import(input_profile="srgb", pcs="lab").copy()
    # libvips exports to the attached profile.
    attach(colours, _PROFILE, stored.get(_PROFILE))
    return colours.icc_export(pcs="lab", depth=bits)


def gray_in_srgb(image: pyvips.Image, stored: pyvips.Image, *, bits: int) -> pyvips.Image:
    """Gray converted by the profile of its source to the gray of sRGB, for formats that hold no profile of gray.

    Args are as for `from_srgb`.
    """
    if not stored.get_typeof(_PROFILE) or image.format == "float":
        return image
    image = image.copy()
    attach(image, _PROFILE, stored.get(_PROFILE))
    gray = image.icc_transform("srgb", embedded=True, depth=bits).extract_band(1)
    return gray.copy(interpretation=SPACES[gray.format, 1])


def has_foreign_colours(image: pyvips.Image, *, encoding: Encoding | None = None) -> bool:
    """Whether `from_srgb` changes the colours for this source picture."""
    return encoding is not None or (image.bands > 2 and image.format != "float" and (is_cmyk(image) or _foreign(image)))


def is_cmyk(image: pyvips.Image) -> bool:
    """Whether an image is in CMYK, the four inks of print."""
    return image.interpretation == "cmyk"


def _foreign(image):
    """Whether an image has a profile that is not sRGB."""
    if not image.get_typeof(_PROFILE):
        return False
    cube = pyvips.Image.new_from_array(_CUBE).copy(interpretation="srgb")
    attach(cube, _PROFILE, image.get(_PROFILE))
    shown = cube.icc_transform("srgb", embedded=True).numpy()
    return bool(np.abs(shown.astype(int) - _CUBE).max() > 2)
