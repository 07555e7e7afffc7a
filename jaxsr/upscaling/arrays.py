"""Images as arrays: which arrays are images, and conversion of Pillow images to arrays and back."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from PIL import Image, ImageOps

from jaxsr.errors import InputError
from jaxsr.imaging.broken import BROKEN, reason
from jaxsr.imaging.color import uint8_from_unit
from jaxsr.imaging.photo import to_rgb

_GRAY = ("1", "L", "LA", "La")
_COLOR = ("RGB", "RGBA", "RGBa", "RGBX", "P", "PA", "CMYK", "YCbCr")
# Modes that are converted to RGB, and therefore lose their profile.
_CONVERTED = ("CMYK", "YCbCr")
_DEEP = {"I;16": 65535, "I;16L": 65535, "I;16B": 65535, "I": 65535, "F": 1}


def checked_array(image: Any) -> np.ndarray:
    """An array [H, W, 3], [H, W] or [N, H, W, 3], uint8 or float in [0, 1], as uint8 or as float32 in [0, 1].

    Raises:
      InputError: the image is not such an array, or it is empty.
    """
    if not hasattr(image, "__array__"):
        raise InputError(f"a {type(image).__name__} is not an image: give an array, a PIL image or a path")
    image = np.asarray(image)
    if not (image.ndim == 2 or (image.ndim in (3, 4) and image.shape[-1] == 3)):
        raise InputError(f"an array of shape {image.shape} is not an image: give [H, W, 3], [H, W] or [N, H, W, 3]")
    if image.size == 0:
        raise InputError(f"the image is empty: its shape is {image.shape}")
    if image.dtype == np.uint8:
        return image
    if not jnp.issubdtype(image.dtype, jnp.floating):
        raise InputError(f"an array of {image.dtype} is not an image: give uint8, or float in [0, 1]")
    image = image.astype(np.float32)
    if not np.isfinite(image).all():
        raise InputError("the image has NaN or infinite values")
    # Rounding may carry values slightly outside the range. Values farther outside follow another convention.
    low, high = image.min(), image.max()
    if low < -0.01 or high > 1.01:
        raise InputError(f"the image has values from {low:.4g} to {high:.4g}: floats must be in [0, 1]")
    return np.clip(image, 0.0, 1.0)


def arrays_of(picture: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    """The colours and opacity of a Pillow image, turned upright by its EXIF orientation.

    Args:
      picture: an image of any mode but Lab and HSV. Mode F must be in [0, 1], mode I from 0 to 65535.

    Returns:
      The colours, [H, W] for gray or [H, W, 3], uint8, or float32 in [0, 1] for modes of more than 8 bits. The opacity,
      [H, W] float32 in [0, 1]; None without transparency.

    Raises:
      InputError: the mode is not supported, the image is truncated, or mode F or I has NaN or values outside the range.
    """
    if picture.mode not in (*_GRAY, *_COLOR, *_DEEP):
        raise InputError(f"pictures of mode {picture.mode} cannot be upscaled: convert it to gray or RGB first")
    try:
        # Pillow decodes an opened file only now.
        picture.load()
    except BROKEN as error:
        raise InputError(f"{getattr(picture, 'filename', '') or 'the PIL image'}: {reason(error)}") from error
    upright = ImageOps.exif_transpose(picture)
    if picture.mode == "F" and min(picture.size):
        return checked_array(np.asarray(upright)), None
    if picture.mode == "I" and min(picture.size):
        values = np.asarray(upright)
        low, high = values.min(), values.max()
        if low < 0 or high > 65535:
            raise InputError(f"the image has values from {low} to {high}: mode I must be from 0 to 65535")
    if picture.mode in _DEEP:
        return np.asarray(upright).astype(np.float32) / _DEEP[picture.mode], None
    opacity = None
    if upright.has_transparency_data:
        upright = upright.convert("LA" if upright.mode in _GRAY else "RGBA")
        *_, alpha = upright.split()
        opacity = np.asarray(alpha, np.float32) / 255
        upright = upright.convert(upright.mode.removesuffix("A"))
    return np.asarray(upright.convert("L") if upright.mode in _GRAY else to_rgb(upright)), opacity


def pillow_image(image: np.ndarray, *, like: Image.Image | None = None) -> Image.Image:
    """Convert an array to a Pillow image.

    Args:
      image: [H, W] or [H, W, C], uint8 or float in [0, 1]; opacity is the last channel where C is 2 or 4.
      like: the source image. If it is gray with more than 8 bits, the result keeps that mode's depth. Its profile is
        kept if the colours were not converted.
    """
    if like is None or like.mode not in _DEEP:
        image = image if image.dtype == np.uint8 else uint8_from_unit(image)
    elif like.mode != "F":
        image = np.round(image * 65535).astype(np.uint16)
    picture = Image.fromarray(image)
    if like is not None and "icc_profile" in like.info and like.mode not in _CONVERTED:
        picture.info["icc_profile"] = like.info["icc_profile"]
    return picture
