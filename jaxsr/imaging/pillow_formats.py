"""Reads with Pillow the formats that the wheels of libvips do not read."""

from pathlib import Path

import numpy as np
import pyvips
from PIL import ImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.IcoImagePlugin import IcoImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.PpmImagePlugin import PpmImageFile
from PIL.TgaImagePlugin import TgaImageFile

from jaxsr.errors import InputError
from jaxsr.imaging.broken import BROKEN, reason
from jaxsr.imaging.photo import to_rgb
from jaxsr.imaging.pixels import check_pixels, image_of

# Pillow's readers by the first bytes of the formats.
_PLUGINS: dict[bytes, type[ImageFile.ImageFile]] = {
    b"BM": BmpImageFile,
    **{b"P%d" % number: PpmImageFile for number in range(1, 7)},
    b"\0\0\0\x0cjP": Jpeg2KImageFile,
    b"\0\0\1\0": IcoImageFile,
}


def known_to_libvips(head: bytes) -> bool:
    """Whether the first bytes are those of a format that libvips reads. A TGA can begin with any bytes."""
    starts = (b"\xff\xd8", b"\x89PNG", b"II*\0", b"II+\0", b"MM\0", b"GIF8", b"RIFF")
    return head.startswith(starts) or head[4:8] == b"ftyp"


def pillow_reader(path: Path, head: bytes) -> type[ImageFile.ImageFile] | None:
    """Pillow's reader of a file in a format that libvips does not read; None for any other file.

    `Image.open` would refuse pictures by a limit for the whole process; these readers have none.

    Args:
      path: the file.
      head: its first bytes.
    """
    if found := next((reader for start, reader in _PLUGINS.items() if head.startswith(start)), None):
        return found
    return TgaImageFile if path.suffix.lower() == ".tga" and not known_to_libvips(head) else None


def size_by_pillow(path: Path, reader: type[ImageFile.ImageFile]) -> tuple[int, int]:
    """(height, width) of a picture that Pillow reads, from its header.

    Raises:
      InputError: the file is broken.
    """
    try:
        with reader(path) as opened:
            return opened.height, opened.width
    except BROKEN as error:
        raise InputError(f"{path}: {reason(error)}") from error


def read_by_pillow(
    path: Path, reader: type[ImageFile.ImageFile], *, largest: int
) -> tuple[pyvips.Image, tuple[str, ...]]:
    """Read a picture with Pillow, which decodes it at once.

    Args:
      path: the file.
      reader: from `pillow_reader`.
      largest: most pixels.

    Returns:
      The picture; and notes for a person.

    Raises:
      InputError: the file is broken or too large.
    """
    notes = ()
    try:
        with reader(path) as opened:
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
    except InputError:
        raise
    except BROKEN as error:
        raise InputError(f"{path}: {reason(error)}") from error
    image = image_of(pixels)
    # A broken header can hold any number; libvips takes only plausible ones.
    if dpi and all(0 < value < 1e6 for value in dpi):
        image = image.copy(xres=dpi[0] / 25.4, yres=dpi[1] / 25.4)
    return image, notes


def _is_deep(opened):
    """Whether a PPM or JPEG 2000 has more than 8 bits per channel."""
    if opened.format == "JPEG2000":
        # ISO/IEC 15444-1, annex I.5.3.1: before the depth, the box has height, width and the number of channels.
        opened.fp.seek(0)
        _, found, box = opened.fp.read(256).partition(b"ihdr")
        return bool(found) and 7 < box[10] & 127 < 127
    return opened.format == "PPM" and isinstance(opened.tile[0].args, tuple) and opened.tile[0].args[-1] > 255
