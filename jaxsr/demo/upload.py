"""A picture from the network to a file, no larger than allowed."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from jaxsr.errors import InputError
from jaxsr.imaging.picture import picture_size

# With the suffix and what temporary names add it stays within the 255 bytes of most file systems.
_LONGEST_STEM = 40


@dataclass(frozen=True)
class Limits:
    """What the page takes.

    Attributes:
      megapixels: of an uploaded picture, in 10⁶ pixels.
      megabytes: of its file, in 10⁶ bytes.
      keep_minutes: for which a picture and its result are kept after they were last asked for.
      waiting: pictures that are taken before the first of them is done.
    """

    megapixels: float = 12.0
    megabytes: float = 50.0
    keep_minutes: float = 30.0
    waiting: int = 20

    def __post_init__(self):
        for name in ("megapixels", "megabytes", "keep_minutes", "waiting"):
            if not getattr(self, name) > 0:
                flag = {"keep_minutes": "keep-minutes", "waiting": "waiting"}.get(name, f"max-{name}")
                raise InputError(f"--{flag} {getattr(self, name):g}: must be more than 0")


class TooLarge(InputError):
    """The file or the picture is larger than the limits allow."""


def safe_name(name: str) -> str:
    """A name from a browser as a file name: no folders, no leading dots, nothing but letters, digits and ` ._()-`."""
    name = re.sub(r"[^\w .()-]", "_", re.split(r"[/\\]", name)[-1]).strip(" .") or "picture"
    stem, dot, suffix = name.rpartition(".")
    return f"{stem[:_LONGEST_STEM]}.{suffix[:8]}" if dot else name[:_LONGEST_STEM]


async def receive(chunks: AsyncIterator[bytes], path: Path, *, limits: Limits, announced: int | None = None) -> None:
    """Write the body of a request to `path`, and stop as soon as it is too large.

    Args:
      chunks: the body.
      path: a new file.
      limits: how large it may be.
      announced: its length in bytes as its sender says, if it does.

    Raises:
      TooLarge: it has, or is said to have, more bytes than allowed.
      InputError: it has none.
    """
    received, most = 0, limits.megabytes * 1e6
    with path.open("xb") as file:
        if announced is None or announced <= most:
            async for chunk in chunks:
                received += len(chunk)
                if received > most:
                    break
                file.write(chunk)
    if max(received, announced or 0) > most:
        raise TooLarge(
            f"{path.name} is larger than the {limits.megabytes:g} megabytes that this page takes; "
            "save it smaller, or start the page with a larger --max-megabytes"
        )
    if not received:
        raise InputError(f"{path.name}: the file is empty")


def check_megapixels(path: Path, *, limits: Limits) -> None:
    """Hold a picture's size, as its header gives it, against the limit.

    Raises:
      TooLarge: it has more pixels than allowed.
      InputError: it is no picture that can be read.
    """
    height, width = picture_size(path)
    if height * width > limits.megapixels * 1e6:
        raise TooLarge(
            f"{path.name} has {width} × {height} pixels, more than the {limits.megapixels:g} megapixels that this page "
            "takes; make it smaller, or start the page with a larger --max-megapixels"
        )
