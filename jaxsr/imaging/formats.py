"""The formats of picture files: by what a file is recognised, and what those that are written can hold."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal[
    "AVIF", "animated AVIF", "BMP", "GIF", "HEIC", "ICO", "JPEG", "JPEG 2000", "PNG", "PNM", "TGA", "TIFF", "WEBP"
]

_BY_START: dict[bytes, Kind] = {
    b"\xff\xd8": "JPEG",
    b"\x89PNG": "PNG",
    b"GIF8": "GIF",
    b"RIFF": "WEBP",
    b"BM": "BMP",
    b"\0\0\0\x0cjP": "JPEG 2000",
    b"\0\0\1\0": "ICO",
    **dict.fromkeys((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "TIFF"),
    **{b"P%d" % number: "PNM" for number in range(1, 7)},
}
# ISO/IEC 23008-12, annex B.4: brands of still pictures and sequences with HEVC, and brands with any codec.
_HEVC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_ANY = {b"mif1", b"msf1"}


def kind_of(path: str | os.PathLike) -> Kind | None:
    """The format of a file by its first bytes; None if it is none that can be read.

    A TGA can begin with any bytes, so that is told by the suffix. "AVIF" also stands for other files that begin with
    ftyp.
    """
    with open(path, "rb") as file:
        head = file.read(64)
    if head[4:8] == b"ftyp":
        length = int.from_bytes(head[:4])
        brand, *compatible = [head[8:12], *(head[i : i + 4] for i in range(16, min(length, len(head)), 4))]
        if brand in _HEVC or (brand in _ANY and _HEVC.intersection(compatible)):
            return "HEIC"
        return "animated AVIF" if brand == b"avis" else "AVIF"
    otherwise = "TGA" if Path(path).suffix.lower() == ".tga" else None
    return next((kind for start, kind in _BY_START.items() if head.startswith(start)), otherwise)


@dataclass(frozen=True)
class Format:
    """What a format can hold beside RGB of 8 bits in sRGB, which is all without these.

    Attributes:
      kind: its name.
      deep: depths beyond 8 bits per channel, by libvips' names.
      profiles: the colours whose profiles it holds. Without "rgb", its colours are always sRGB.
      opacity: whether it has transparency.
      longest: most pixels on a side; None if there are other limits only.
      largest: most bytes of 8-bit pixels without compression, likewise.
    """

    kind: Kind
    deep: tuple[Literal["ushort", "float"], ...] = ()
    profiles: tuple[Literal["gray", "rgb", "cmyk"], ...] = ()
    opacity: bool = False
    longest: int | None = None
    largest: int | None = None


# By the suffix of the file's name.
FORMATS = {
    ".png": Format("PNG", deep=("ushort",), profiles=("gray", "rgb"), opacity=True),
    ".jpg": Format("JPEG", profiles=("gray", "rgb", "cmyk"), longest=65500),
    ".webp": Format("WEBP", profiles=("rgb",), opacity=True, longest=16383),
    ".gif": Format("GIF", opacity=True, longest=65535),
    # The length of a BMP has 32 bits; its headers take little of that.
    ".bmp": Format("BMP", largest=2**32 - 2**11),
    ".tif": Format("TIFF", deep=("ushort", "float"), profiles=("gray", "rgb", "cmyk"), opacity=True),
}
FORMATS |= {".jpeg": FORMATS[".jpg"], ".tiff": FORMATS[".tif"]}


def format_of(target: Path) -> Format:
    """The format in which a file of this name is written; its suffix is one of `FORMATS`."""
    return FORMATS[target.suffix.lower()]
