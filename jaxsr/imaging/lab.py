"""Reads TIFFs in CIE Lab as sRGB (TIFF 6.0, section 23; technical note of 1995 on ICCLab)."""

from pathlib import Path

import numpy as np
import pyvips
from PIL import ExifTags
from PIL.TiffImagePlugin import TiffImageFile

from jaxsr.errors import InputError
from jaxsr.imaging.broken import reading
from jaxsr.imaging.metadata import without
from jaxsr.imaging.pixels import open_image
from jaxsr.imaging.tiff import Tags

CIE_LAB, ICC_LAB = 8, 9


def read_lab(path: Path, page: int, tags: Tags) -> pyvips.Image:
    """Read CIE Lab as sRGB with the file's depth, 8 or 16 bits. The white of Lab is D50, as in colour profiles.

    Args:
      path: the file.
      page: the number of the page, from 0.
      tags: the page's tags.

    Raises:
      InputError: the file has not three channels of 8 or 16 bits, or Pillow cannot read it.
      pyvips.Error: libvips cannot read it.
    """
    bits = tags.get(ExifTags.Base.BitsPerSample, (1,))
    if bits not in ((8, 8, 8), (16, 16, 16)):
        raise InputError(f"{path}: CIE Lab of {bits[0]} bits in {len(bits)} channels; save it as RGB")
    icc = tags[ExifTags.Base.PhotometricInterpretation] == ICC_LAB
    if bits[0] == 16:
        image = open_image(path, page=page)
        lab = image * [100 / 65535, 1 / 256, 1 / 256] - [0, 128, 128] if icc else image.colourspace("lab")
    else:
        # libvips takes 8-bit CIE Lab for its own Lab of four channels, so Pillow reads that.
        levels = open_image(path, page=page) - [0, 128, 128] if icc else _by_pillow(path, page)
        lab = levels * [100 / 255, 1, 1]
    colours = without(lab.cast("float").copy(interpretation="lab"), "icc-profile-data")
    return colours.icc_export(output_profile="srgb", pcs="lab", depth=bits[0])


def _by_pillow(path, page):
    with reading(path), TiffImageFile(path) as opened:
        opened.seek(page)
        stored = np.asarray(opened)
    signed = stored[..., 1:].view(np.int8)
    return pyvips.Image.new_from_array(np.concatenate([stored[..., :1], signed], axis=-1, dtype=np.float32))
