"""Photos as arrays, read from files and written to them with Pillow; `picture.py` has all that a file can hold."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
from PIL import ExifTags, Image, ImageFile, ImageOps
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from jaxsr.errors import InputError
from jaxsr.files import replacing
from jaxsr.imaging.boxes import primary_numbers
from jaxsr.imaging.broken import BROKEN, reason
from jaxsr.imaging.color import as_rgb
from jaxsr.imaging.encoding import HDR_CURVES, SRGB, encoding_of_numbers
from jaxsr.imaging.exif import orientation_of
from jaxsr.imaging.formats import kind_of
from jaxsr.imaging.png.chunks import read_chunks
from jaxsr.imaging.tiff import is_own_page

T = TypeVar("T")
PHOTO_SUFFIXES = frozenset({".avif", ".bmp", ".jp2", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})


def read_photo(file: str | os.PathLike | BinaryIO, *, name: str | None = None) -> np.ndarray:
    """Read a photo as 8-bit RGB, turned upright by the orientation in its EXIF or, if that has none, its XMP.

    Gray becomes three equal channels. 16-bit gray and floats of 16 and 32 bits in [0, 1] are scaled to 8 bits. CMYK is
    converted without its colour profile. Transparent pictures are composed on white. The first frame of an animation
    is read.

    Samples are taken for sRGB, whatever a colour profile says. Three kinds are read by libvips as in `open_picture`:
    TIFFs that Pillow cannot read, such as those with floats; pictures of more pixels than Pillow takes, 179 megapixels;
    and those that Pillow would misread.

    Args:
      file: a path or an open binary file, in any format that Pillow reads.
      name: the name of the file in errors; None for its path.

    Returns:
      [H, W, 3] uint8.

    Raises:
      InputError: the file is missing, truncated or not a picture, its pixel type has no known white, it has floats
        outside [0, 1], or its numbers say that it is HDR.
    """
    photo = by_pillow(file, lambda image: np.asarray(to_rgb(ImageOps.exif_transpose(image))), name=name)
    return _by_libvips(file) if photo is None else photo


def by_pillow(
    file: str | os.PathLike | BinaryIO, function: Callable[[ImageFile.ImageFile], T], *, name: str | None = None
) -> T | None:
    """What a function of a file, opened by Pillow, returns; None if libvips is to read it, see `read_photo`.

    Raises:
      InputError: the file is missing, broken or not a picture.
    """
    try:
        with Image.open(file) as image:
            return None if _is_misread(image) else function(image)
    except BROKEN as error:
        if not _is_for_libvips(file, error):
            raise InputError(f"{name or file}: {reason(error)}") from error
    return None


def _is_misread(image):
    """Whether Pillow reads something else than the picture in a file.

    It does of AVIFs whose numbers name other colours than sRGB, or HDR; of AVIFs with an orientation in their XMP, as
    that does not turn them; of TIFFs that begin with a smaller copy; and of TIFFs whose 16-bit gray has white at 0.
    """
    if not image.filename:
        return False
    if isinstance(image, TiffImageFile):
        white_is_zero = image.tag_v2.get(ExifTags.Base.PhotometricInterpretation) == 0
        return not is_own_page(image.tag_v2) or (white_is_zero and image.mode.startswith("I;16"))
    if image.format != "AVIF":
        return False
    if b"tiff:Orientation" in image.info.get("xmp", b""):
        return True
    numbers = primary_numbers(Path(os.fsdecode(image.filename)))
    return numbers is not None and (numbers[1] in HDR_CURVES or encoding_of_numbers(*numbers) not in (None, SRGB))


def _is_for_libvips(file, error):
    """Whether libvips is to read a file that Pillow refuses: a TIFF, or a picture of too many pixels for Pillow."""
    if not isinstance(file, str | os.PathLike):
        return False
    with contextlib.suppress(OSError):
        return isinstance(error, Image.DecompressionBombError) or kind_of(file) == "TIFF"
    return False


def _by_libvips(path):
    # Imported here because it needs `to_rgb`.
    from jaxsr.imaging.picture import open_picture

    picture = open_picture(path)
    height, _ = picture.size
    colour = as_rgb(picture.rows(0, height))
    if colour.dtype == np.uint8:
        return colour
    if picture.opacity is not None:
        opacity = picture.opacity_rows(0, height)[..., None]
        colour = colour * opacity + 1 - opacity
    return np.round(255 * colour).astype(np.uint8)


def photo_size(path: str | os.PathLike) -> tuple[int, int]:
    """(height, width) of the photo that `read_photo` returns, from the header alone; raises as that does."""
    if size := by_pillow(path, upright_size):
        return size
    from jaxsr.imaging.picture import picture_size

    return picture_size(path)


def upright_size(image: Image.Image) -> tuple[int, int]:
    """(height, width) of a Pillow image turned upright by its EXIF or XMP; the pixels are not decoded."""
    width, height = image.size
    # Pillow turns TIFFs upright itself, and reports the upright size if the tag of a TIFF gives the orientation.
    if isinstance(image, TiffImageFile) and ExifTags.Base.Orientation in image.tag_v2:
        return height, width
    # PNG's own getexif would decode all pixels to look for EXIF after them.
    orientation = Image.Image.getexif(image).get(ExifTags.Base.Orientation)
    if isinstance(image, PngImageFile) and image.filename and "exif" not in image.info:
        for _, late in read_chunks(os.fsdecode(image.filename), (b"eXIf",)):
            orientation = orientation_of(late) or orientation
    return (width, height) if orientation in (5, 6, 7, 8) else (height, width)


def save_image(path: str | os.PathLike, image: np.ndarray) -> None:
    """Write a uint8 image as PNG, or as JPEG of quality 95, chosen by the suffix.

    Args:
      path: a file .png or .jpg; missing folders are created.
      image: [H, W, 3] or [H, W] uint8. PNG also takes a last channel of alpha.

    Raises:
      InputError: the suffix is another.
      OSError: the file cannot be written; no partial file is left.
      TypeError: the image is not uint8.
    """
    path = Path(path)
    if path.suffix.lower() not in (".png", ".jpg"):
        raise InputError(f"{path}: give the output a name in .png, .jpg")
    if image.dtype != np.uint8:
        raise TypeError(f"save_image takes uint8, not {image.dtype}")
    with replacing(path) as temporary:
        # Without chroma subsampling; a PNG takes no options.
        Image.fromarray(image).save(temporary, quality=95, subsampling=0)


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert a Pillow image of any mode to mode "RGB", by the rules of `read_photo`.

    Raises:
      ValueError: the pixel type (32-bit integer beyond 65535, float, CIE Lab, HSV) has no known white.
    """
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode == "I" or image.mode.startswith("I;16"):
        values = np.asarray(image)
        if values.size and not 0 <= values.min() <= values.max() <= 65535:
            raise ValueError("its 32-bit pixels go beyond the 16-bit range; save it with 8 or 16 bits per channel")
        # Of a PNG, one level can be transparent.
        values = np.where(values == image.info.get("transparency"), 65535, values)
        return Image.fromarray(np.round(values / 257.0).astype(np.uint8)).convert("RGB")
    if image.mode in ("F", "LAB", "HSV"):
        raise ValueError(f"pixels of type {image.mode} are not supported; save it as 8-bit RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")
