"""Tiles of a picture of any size for the browser: small tiles of it and of each halving, in 8-bit sRGB."""

from dataclasses import dataclass
from pathlib import Path

import pyvips

from jaxsr.imaging.picture import open_picture

TILE = 512
# The upload was already checked against the limits.
_ANY = 10**12


@dataclass(frozen=True)
class Pyramid:
    """Tiles of a picture.

    Attributes:
      folder: folder with the tile of column c and row r at `LEVEL/c_r` and `suffix`. Level 0 is one tile. Each further
        level is twice as large, and the last one is the picture itself.
      suffix: ".jpg", or ".png" if there is transparency.
      width: width of the picture in pixels.
      height: height of the picture in pixels.
      levels: number of levels.
    """

    folder: Path
    suffix: str
    width: int
    height: int
    levels: int


def write_pyramid(picture: Path, folder: Path, *, scale: int = 1) -> Pyramid:
    """Cut a picture file into tiles.

    The picture is streamed, so memory is bounded for any size.

    Args:
      picture: a file that `open_picture` reads.
      folder: folder to write; it must not exist.
      scale: factor of a bicubic enlargement before cutting. It differs from `resize_uint8` by at most 3 of 255.

    Raises:
      InputError: the picture cannot be read.
      pyvips.Error: the tiles cannot be written.
    """
    opened = open_picture(picture, largest=_ANY)
    shown = _enlarged(_eight_bits(opened.colour, opened.opacity), scale)
    suffix, options = (".png", "compression=1") if shown.hasalpha() else (".jpg", "Q=98,subsample-mode=off")
    suffix_with_options = f"{suffix}[{options},keep=none]"
    shown.dzsave(str(folder), layout="dz", tile_size=TILE, overlap=0, depth="onetile", suffix=suffix_with_options)
    tiles = folder.with_name(f"{folder.name}_files")
    levels = sum(path.is_dir() for path in tiles.iterdir())
    return Pyramid(tiles, suffix, shown.width, shown.height, levels)


def _eight_bits(colour, opacity):
    """The picture as the network gets it, in 8-bit sRGB, with its opacity."""
    factor = {"uchar": 1.0, "ushort": 255 / 65535, "float": 255.0}
    bands = [(band * factor[band.format]).rint().cast("uchar") for band in (colour, opacity) if band is not None]
    space = "srgb" if colour.bands == 3 else "b-w"
    return bands[0].bandjoin(bands[1:]).copy(interpretation=space).colourspace("srgb")


def _enlarged(image, scale):
    if scale == 1:
        return image
    colors = image.premultiply() if image.hasalpha() else image
    # Not `resize`: its enlargement is shifted by half a pixel against MATLAB's and so against the network's.
    offset = (scale - 1) / 2
    large = colors.affine(
        (scale, 0, 0, scale),
        interpolate=pyvips.Interpolate.new("bicubic"),
        odx=offset,
        ody=offset,
        oarea=[0, 0, scale * image.width, scale * image.height],
        extend="mirror",
    )
    return large.unpremultiply().rint().cast("uchar") if image.hasalpha() else large
