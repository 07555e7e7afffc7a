"""Pillow images and picture files around an upscaler of arrays."""

import os
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageOps

from jaxsr.errors import InputError
from jaxsr.imaging.files import BROKEN, reason, to_rgb
from jaxsr.imaging.strips import resize_strips

_GRAY = ("1", "L", "LA", "La")
_COLOR = ("RGB", "RGBA", "RGBa", "RGBX", "P", "PA", "CMYK", "YCbCr")


def open_picture(path: str | os.PathLike) -> Image.Image:
    """A picture file as it is stored, but turned upright as its EXIF orientation says.

    Raises:
      InputError: the file is missing, cut short or no picture.
    """
    try:
        with Image.open(path) as picture:
            return ImageOps.exif_transpose(picture)
    except BROKEN as error:
        raise InputError(f"{path}: {reason(error)}") from error


def upscale_picture(upscale: Callable[[np.ndarray], np.ndarray], picture: Image.Image) -> Image.Image:
    """Upscale a Pillow image.

    Gray (and black-and-white) gives mode L, all else RGB (a palette is looked up first). Transparency is upscaled by
    bicubic interpolation, apart from the colours, and gives LA or RGBA. The EXIF orientation is applied.

    Args:
      upscale: from [H, W] or [H, W, 3] uint8 to the same in another size.
      picture: of 8 bits per channel, in any mode but Lab and HSV.

    Raises:
      InputError: the mode has more than 8 bits per channel, or is Lab or HSV.
    """
    if picture.mode not in _GRAY + _COLOR:
        raise InputError(f"pictures of mode {picture.mode} cannot be upscaled: convert it to 8-bit gray or RGB first")
    upright = ImageOps.exif_transpose(picture)
    alpha = None
    if upright.has_transparency_data:
        upright = upright.convert("LA" if upright.mode in _GRAY else "RGBA")
        *_, alpha = upright.split()
        upright = upright.convert(upright.mode.removesuffix("A"))
    plain = upright.convert("L") if upright.mode in _GRAY else to_rgb(upright)
    upscaled = upscale(np.asarray(plain))
    if alpha is not None:
        alpha = np.asarray(alpha)
        strips = resize_strips(lambda top, bottom: alpha[top:bottom], alpha.shape, upscaled.shape[:2])
        upscaled = np.dstack([upscaled, np.concatenate(list(strips))])
    return Image.fromarray(upscaled)
