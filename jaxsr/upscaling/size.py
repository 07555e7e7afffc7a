"""Reads the size of the result from a command's argument, or from Python's."""

import operator
import re
from collections.abc import Callable
from typing import Any

from jaxsr.errors import InputError

# From (height, width) of a picture to that of its result.
ResultSize = Callable[[tuple[int, int]], tuple[int, int]]


def parse_size(text: str | None, *, scale: float | None) -> ResultSize | None:
    """Parse width and height in pixels: "3840x2160", or "3840x" or "x2160" to keep the aspect ratio. None for no size.

    Raises:
      InputError: the text is not a size, or a scale is given too.
    """
    if text is None:
        return None
    width, height = _sides(text)
    if scale is not None:
        raise InputError(f"--size {text} and --scale {scale:g}: give one of the two")

    def result(size):
        tall, wide = size
        return height or max(1, round(tall * width / wide)), width or max(1, round(wide * height / tall))

    return result


def size_label(text: str) -> str:
    """The end of results' names for a size that `parse_size` takes, the same for each way to write it."""
    width, height = _sides(text)
    return f"{width or ''}x{height or ''}"


def _sides(text):
    """(width, height); None for a side that is left out."""
    found = re.fullmatch(r"(\d{0,6})[xX×](\d{0,6})", text.strip())
    width, height = (int(part) if part else None for part in found.groups()) if found else (None, None)
    if not (width or height) or 0 in (width, height):
        raise InputError(f"--size {text}: give width and height in pixels as 3840x2160, or one of them, 3840x or x2160")
    return width, height


def checked_size(size: Any) -> tuple[int, int]:
    """A size as (height, width).

    Raises:
      InputError: it is not two whole numbers of at least 1.
    """
    try:
        height, width = map(operator.index, size)
    except (TypeError, ValueError) as error:
        raise InputError(f"size {size}: give (height, width), two whole numbers of pixels") from error
    if min(height, width) < 1:
        raise InputError(f"size {size}: height and width must be at least 1")
    return height, width
