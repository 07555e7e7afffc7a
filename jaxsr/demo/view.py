"""What a browser is shown of a picture of any size: small tiles at each halving of it, in 8-bit sRGB."""

from dataclasses import dataclass
from pathlib import Path

import pyvips

TILE = 512


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
      picture: a file that libvips reads; turned upright and converted from its colour profile to sRGB.
      folder: to write to; must not exist.
      scale: to enlarge it by first, bicubically; within 3 of 255 of `resize_uint8`.

    Raises:
      pyvips.Error: libvips cannot read the picture.
    """
    upright = pyvips.Image.new_from_file(str(picture)).autorot()
    if upright.get_typeof("icc-profile-data"):
        upright = upright.icc_transform("srgb", embedded=True)
    shown = _enlarged(upright.colourspace("srgb").cast("uchar"), scale)
    suffix, options = (".png", "compression=1") if shown.hasalpha() else (".jpg", "Q=98,subsample-mode=off")
    suffix_with_options = f"{suffix}[{options},keep=none]"
    shown.dzsave(str(folder), layout="dz", tile_size=TILE, overlap=0, depth="onetile", suffix=suffix_with_options)
    tiles = folder.with_name(f"{folder.name}_files")
    levels = sum(path.is_dir() for path in tiles.iterdir())
    return Pyramid(tiles, suffix, shown.width, shown.height, levels)


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
