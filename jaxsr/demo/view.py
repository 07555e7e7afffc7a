"""What a browser is shown of a picture of any size: small tiles at each halving of it, in 8-bit sRGB."""

from dataclasses import dataclass
from pathlib import Path

import pyvips

from jaxsr.imaging.picture import open_picture

TILE = 512
# What is shown was let in before.
_ANY = 10**12


@dataclass(frozen=True)
class Pyramid:
    """Tiles of a picture.

    Attributes:
      folder: with the tile of column c and row r at `LEVEL/c_r` and `suffix`; level 0 is one tile, each further level
        twice as large, and the last the picture itself.
      suffix: ".jpg", or ".png" where there is transparency.
      width: of the picture in pixels.
      height: of the picture in pixels.
      levels: how many there are.
    """

    folder: Path
    suffix: str
    width: int
    height: int
    levels: int


def write_pyramid(picture: Path, folder: Path, *, scale: int = 1) -> Pyramid:
    """Cut a picture file into tiles.

    It streams: memory is bounded whatever the size.

    Args:
      picture: a file that `open_picture` reads.
      folder: to write to; must not exist.
      scale: to enlarge it by first, bicubically; within 3 of 255 of `resize_uint8`.

    Raises:
      InputError: it cannot be read.
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
    """sRGB as the network is given it, with opacity."""
    factor = {"uchar": 1.0, "ushort": 255 / 65535, "float": 255.0}
    bands = [(band * factor[band.format]).rint().cast("uchar") for band in (colour, opacity) if band is not None]
    space = "srgb" if colour.bands == 3 else "b-w"
    return bands[0].bandjoin(bands[1:]).copy(interpretation=space).colourspace("srgb")


def _enlarged(image, scale):
    if scale == 1:
        return image
    colors = image.premultiply() if image.hasalpha() else image
    # Not `resize`, whose upscaling is half a pixel beside MATLAB's and so beside the network's.
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
