"""What decoders raise on broken files, the words for it, and the warnings of Pillow that no one needs."""

import contextlib
import os
import struct
import warnings
import zlib
from collections.abc import Generator

from PIL import Image

from jaxsr.errors import InputError, first_line

# Of large pictures, and of odd tags in TIFFs. Set once, because `warnings.catch_warnings` is not safe between threads.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", module=r"PIL\.TiffImagePlugin")

# Exceptions that Pillow's and pillow-heif's decoders raise on broken files; they differ from format to format.
BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    RuntimeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


@contextlib.contextmanager
def reading(path: str | os.PathLike) -> Generator[None]:
    """Raise `InputError` with the file's name in place of what decoders raise on a broken file."""
    try:
        yield
    except InputError:
        raise
    except BROKEN as error:
        raise InputError(f"{path}: {reason(error)}") from error


def reason(error: Exception) -> str:
    """Why a picture cannot be read, as words that follow the file's name; the error is one of `BROKEN`."""
    if isinstance(error, Image.UnidentifiedImageError):
        return "empty, or no picture in a format that can be read"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"cannot be read as a picture ({first_line(error)})"
