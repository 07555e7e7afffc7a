"""Reads with Pillow the formats that the wheels of libvips do not read."""

from pathlib import Path

import numpy as np
from PIL import ImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.IcoImagePlugin import IcoImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.PpmImagePlugin import PpmImageFile
from PIL.TgaImagePlugin import TgaImageFile

from jaxsr.imaging.broken import reading
from jaxsr.imaging.decoded import Decoded
from jaxsr.imaging.formats import Kind
from jaxsr.imaging.photo import to_rgb
from jaxsr.imaging.pixels import check_pixels, image_of

# `Image.open` would refuse pictures by a limit for the whole process; these readers have none.
PILLOW_READERS: dict[Kind | None, type[ImageFile.ImageFile]] = {
    "BMP": BmpImageFile,
    "ICO": IcoImageFile,
    "JPEG 2000": Jpeg2KImageFile,
    "PNM": PpmImageFile,
    "TGA": TgaImageFile,
}


def read_by_pillow(path: Path, kind: Kind, *, largest: int) -> Decoded:
    """Read a picture in one of the `PILLOW_READERS`' formats, which is decoded at once.

    Raises:
      InputError: the file is broken, or has more pixels than `largest`.
    """
    notes = ()
    with reading(path), PILLOW_READERS[kind](path) as opened:
        check_pixels(path, opened.size[::-1], largest=largest)
        if len(sizes := opened.info.get("sizes", ())) > 1:
            notes += (f"the largest of {len(sizes)} pictures",)
        if opened.mode in ("RGB", "RGBA") and _is_deep(opened):
            notes += ("its colours are read with 8 bits per channel, of which it has more",)
        # 16-bit gray; none of these formats has more bits.
        if opened.mode == "I" or opened.mode.startswith("I;16"):
            pixels = np.asarray(opened).astype(np.uint16)
        elif opened.has_transparency_data:
            pixels = np.asarray(opened.convert("RGBA"))
        else:
            pixels = np.asarray(opened.convert("L") if opened.mode in ("1", "L") else to_rgb(opened))
        dpi = opened.info.get("dpi")
    image = image_of(pixels)
    # A broken header can hold any number; libvips takes only plausible ones.
    if dpi and all(0 < value < 1e6 for value in dpi):
        image = image.copy(xres=dpi[0] / 25.4, yres=dpi[1] / 25.4)
    return Decoded(image, notes=notes)


def _is_deep(opened):
    """Whether a PPM or JPEG 2000 has more than 8 bits per channel."""
    if opened.format == "JPEG2000":
        # ISO/IEC 15444-1, annex I.5.3.1: before the depth, the box has height, width and the number of channels.
        opened.fp.seek(0)
        _, found, box = opened.fp.read(256).partition(b"ihdr")
        return bool(found) and 7 < box[10] & 127 < 127
    return opened.format == "PPM" and isinstance(opened.tile[0].args, tuple) and opened.tile[0].args[-1] > 255
