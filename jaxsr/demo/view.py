"""What a browser is shown of a picture of any size: small tiles at each halving of it, in 8-bit sRGB."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyvips

# Of libvips's readers only those that are held against hostile files: uploads come from anyone.
pyvips.block_untrusted_set(True)

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


def write_pyramid(picture: Path, folder: Path, *, check: Callable[[], None]) -> Pyramid:
    """Cut a picture file into tiles.

    Args:
      picture: a file that libvips reads; turned upright and converted from its colour profile to sRGB.
      folder: to write to; must not exist.
      check: called now and then; what it raises ends the work.

    Raises:
      pyvips.Error: libvips cannot read the picture.
    """
    upright = pyvips.Image.new_from_file(str(picture)).autorot()
    if upright.get_typeof("icc-profile-data"):
        upright = upright.icc_transform("srgb", embedded=True)
    shown = upright.colourspace("srgb")
    stopped = []

    def ask(image, _progress):
        try:
            check()
        except BaseException as error:
            # An exception cannot pass through libvips; it is told to stop and the exception raised behind it.
            stopped.append(error)
            image.set_kill(True)

    shown.set_progress(True)
    shown.signal_connect("eval", ask)
    suffix, options = (".png", "compression=1") if shown.hasalpha() else (".jpg", "Q=98,subsample-mode=off")
    try:
        shown.dzsave(
            str(folder),
            layout="dz",
            tile_size=TILE,
            overlap=0,
            depth="onetile",
            suffix=f"{suffix}[{options},keep=none]",
        )
    except pyvips.Error:
        if stopped:
            raise stopped[0] from None
        raise
    tiles = folder.with_name(f"{folder.name}_files")
    levels = sum(path.is_dir() for path in tiles.iterdir())
    return Pyramid(tiles, suffix, shown.width, shown.height, levels)
