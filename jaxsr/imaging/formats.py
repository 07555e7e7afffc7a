"""What each format of picture files that is written can hold."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Format:
    """What a format can hold beside RGB of 8 bits in sRGB, which is all without these.

    Attributes:
      deep: depths beyond 8 bits per channel, by libvips' names.
      profiles: the colours whose profiles it holds. Without "rgb", its colours are always sRGB.
      opacity: whether it has transparency.
      longest: most pixels on a side; None if there are other limits only.
      largest: most bytes of 8-bit pixels without compression, likewise.
    """

    deep: tuple[Literal["ushort", "float"], ...] = ()
    profiles: tuple[Literal["gray", "rgb", "cmyk"], ...] = ()
    opacity: bool = False
    longest: int | None = None
    largest: int | None = None


FORMATS = {
    ".png": Format(deep=("ushort",), profiles=("gray", "rgb"), opacity=True),
    ".jpg": Format(profiles=("gray", "rgb", "cmyk"), longest=65500),
    ".webp": Format(profiles=("rgb",), opacity=True, longest=16383),
    ".gif": Format(opacity=True, longest=65535),
    # The length of a BMP has 32 bits; its headers take little of that.
    ".bmp": Format(largest=2**32 - 2**11),
    ".tif": Format(deep=("ushort", "float"), profiles=("gray", "rgb", "cmyk"), opacity=True),
}
FORMATS |= {".jpeg": FORMATS[".jpg"], ".tiff": FORMATS[".tif"]}
