"""Reads TIFFs in CIE Lab as sRGB (TIFF 6.0, section 23; technical note of 1995 on ICCLab)."""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pyvips
from PIL import ExifTags, Image

from jaxsr.errors import InputError
from jaxsr.imaging.metadata import without
from jaxsr.imaging.photo import BROKEN, reason

_CIE_LAB, _ICC_LAB = 8, 9


def is_lab(tags: Mapping[int, object]) -> bool:
    """Whether the tags of a TIFF say that its colours are CIE Lab."""
    return tags.get(ExifTags.Base.PhotometricInterpretation) in (_CIE_LAB, _ICC_LAB)


def read_lab(path: Path, tags: Mapping[int, object], by_libvips: Callable[[], pyvips.Image]) -> pyvips.Image:
    """Read CIE Lab as sRGB with the file's depth, 8 or 16 bits. The white of Lab is D50, as in colour profiles.

    Args:
      path: the file.
      tags: the tags of its first directory.
      by_libvips: opens the file with libvips.

    Raises:
      InputError: the file has not three channels of 8 or 16 bits, or Pillow cannot read it.
      pyvips.Error: libvips cannot read it.
    """
    bits = tags.get(ExifTags.Base.BitsPerSample, 1)
    bits = bits if isinstance(bits, tuple) else (bits,)
    if bits not in ((8, 8, 8), (16, 16, 16)):
        raise InputError(f"{path}: CIE Lab of {bits[0]} bits in {len(bits)} channels; save it as RGB")
    icc = tags[ExifTags.Base.PhotometricInterpretation] == _ICC_LAB
    if bits[0] == 16:
        image = by_libvips()
        lab = image * [100 / 65535, 1 / 256, 1 / 256] - [0, 128, 128] if icc else image.colourspace("lab")
    else:
        # libvips takes 8-bit CIE Lab for its own Lab of four channels, so Pillow reads that.
        image = by_libvips() - [0, 128, 128] if icc else _by_pillow(path)
        lab = image * [100 / 255, 1, 1]
    colours = without(lab.cast("float").copy(interpretation="lab"), "icc-profile-data")
    return colours.icc_export(output_profile="srgb", pcs="lab", depth=bits[0])


def _by_pillow(path):
    try:
        with warnings.catch_warnings():
            # Pillow warns of odd metadata, which does not matter here.
            warnings.simplefilter("ignore")
            with Image.open(path, formats=["TIFF"]) as opened:
                stored = np.asarray(opened)
    except BROKEN as error:
        raise InputError(f"{path}: {reason(error)}") from error
    signed = stored[..., 1:].view(np.int8)
    return pyvips.Image.new_from_array(np.concatenate([stored[..., :1], signed], axis=-1, dtype=np.float32))
