"""Receiving a picture into a file, within the limits."""

import math
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from jaxsr.errors import InputError
from jaxsr.imaging.picture import picture_size

# With a suffix and the additions of temporary names, a name stays within the 255 bytes of most file systems.
_LONGEST_STEM = 40
# JPEG's own limit. A line of millions of pixels would take gigabytes, however few pixels there are in all.
_LONGEST_SIDE = 65_535


@dataclass(frozen=True)
class Limits:
    """Limits on uploaded pictures.

    Attributes:
      megapixels: largest picture, in 10⁶ pixels.
      megabytes: largest file, in 10⁶ bytes.
      keep_minutes: minutes for which a picture and its result are kept after the last request for them.
    """

    megapixels: float = 12.0
    megabytes: float = 50.0
    keep_minutes: float = 30.0

    def __post_init__(self):
        for name in ("megapixels", "megabytes", "keep_minutes"):
            if not 0 < getattr(self, name) < math.inf:
                flag = "keep-minutes" if name == "keep_minutes" else f"max-{name}"
                raise InputError(f"--{flag} {getattr(self, name):g}: must be more than 0, and finite")


class TooLarge(InputError):
    """The file or the picture is larger than the limits allow."""


def safe_name(name: str) -> str:
    """A safe file name from a browser's: no folders or leading dots, only letters, digits and ` ._()-`."""
    name = re.sub(r"[^\w .()-]", "_", re.split(r"[/\\]", name)[-1]).strip(" .") or "picture"
    stem, dot, suffix = name.rpartition(".")
    return f"{stem[:_LONGEST_STEM]}.{suffix[:8]}" if dot else name[:_LONGEST_STEM]


async def receive(chunks: AsyncIterator[bytes], path: Path, *, limits: Limits, announced: int = 0) -> None:
    """Write the body of a request to a new file.

    Raises:
      TooLarge: it exceeds the limit, beyond which nothing is read; or its `announced` length in bytes does, and nothing
        is read at all.
      InputError: it is empty.
    """
    received, most = 0, limits.megabytes * 1e6
    too_large = TooLarge(
        f"{path.name} is larger than the {limits.megabytes:g} megabytes that this page accepts; "
        "save it smaller, or start the page with a larger --max-megabytes"
    )
    if announced > most:
        raise too_large
    with path.open("xb") as file:
        async for chunk in chunks:
            received += len(chunk)
            if received > most:
                raise too_large
            file.write(chunk)
    if not received:
        raise InputError(f"{path.name}: the file is empty")


def check_megapixels(path: Path, *, limits: Limits) -> None:
    """Compare a picture's size, as its header states it, with the limits.

    Raises:
      TooLarge: the picture has more pixels than allowed, or too long a side.
      InputError: the file cannot be read as a picture.
    """
    height, width = picture_size(path)
    if height * width > limits.megapixels * 1e6:
        raise TooLarge(
            f"{path.name} has {width} × {height} pixels, more than the {limits.megapixels:g} megapixels that this page "
            "accepts; make it smaller, or start the page with a larger --max-megapixels"
        )
    if max(height, width) > _LONGEST_SIDE:
        raise TooLarge(
            f"{path.name} has {width} × {height} pixels; this page accepts no side of more than {_LONGEST_SIDE} pixels"
        )
