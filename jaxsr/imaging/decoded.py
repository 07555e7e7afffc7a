"""What every reader of a picture file returns."""

from dataclasses import dataclass

import pyvips

from jaxsr.imaging.encoding import Encoding
from jaxsr.imaging.png.chunks import Chunk


@dataclass(frozen=True, eq=False)
class Decoded:
    """The contents of a picture file.

    Attributes:
      stored: the pixels with the depth, colours and metadata of the file, not yet turned upright; they are decoded on
        demand.
      encoding: the meaning of the file's samples; None if they are sRGB or a colour profile describes them.
      colour_chunks: the chunks with which a PNG describes its colours, apart from a colour profile.
      texts: (keyword, text) of a PNG.
      comments: the comments of a JPEG or GIF.
      notes: what a person should know, such as "the first of 12 pictures".
      count: the pictures in the file. Smaller copies, masks and gain maps do not count.
    """

    stored: pyvips.Image
    encoding: Encoding | None = None
    colour_chunks: tuple[Chunk, ...] = ()
    texts: tuple[tuple[str, str], ...] = ()
    comments: tuple[bytes, ...] = ()
    notes: tuple[str, ...] = ()
    count: int = 1
