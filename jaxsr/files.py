"""Writing files so that readers never see half of one, and names of files."""

import contextlib
import errno
import hashlib
import os
import re
import secrets
import tempfile
from collections.abc import Generator
from pathlib import Path, PurePath
from typing import BinaryIO

from jaxsr.errors import InputError

# Most bytes of a file's name on the usual file systems.
LONGEST_NAME = 255
# A temporary name: its random characters, and what is the same in all such names of one file.
_TEMPORARY = re.compile(r"(\..*\.)[a-z0-9_]{8}(\.partial(?:\.[^.]*)?)", re.DOTALL)


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Generator[Path]:
    """Yield a temporary path beside `path`. Rename it to `path` on success, and delete it on any error.

    The temporary name keeps the suffix of `path`, because image writers choose the format by it. A process that is
    killed leaves the temporary file behind; see `remove_abandoned`.

    Raises:
      OSError: `path` cannot be written, or the disk is full. An earlier file at `path` is unchanged.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    require_name(path)
    temporary = path.parent / temporary_name(path)
    try:
        # Not mkstemp, whose files are private: new files have permissions that only the kernel knows safely.
        temporary.touch(exist_ok=False)
    except OSError as error:
        raise _named(error, path) from error
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno:
            raise _named(error, path) from error
        raise


def temporary_name(path: PurePath) -> str:
    """A new name for a temporary file beside `path`, which keeps its suffix and shortens a long stem."""
    before, after = temporary_ends(path)
    return f"{before}{secrets.token_hex(4)}{after}"


def _named(error, path):
    """The error with the file that the caller asked for, not the temporary one."""
    return OSError(error.errno, error.strerror, str(path))


def remove_abandoned(path: str | os.PathLike[str]) -> None:
    """Delete the temporary files that killed processes left behind when they wrote `path` with `replacing`.

    Call this only when no other process is writing `path`.
    """
    path = Path(path)
    ends = temporary_ends(path)
    for entry in os.scandir(path.parent):
        if ends_of(entry.name) == ends:
            Path(entry).unlink(missing_ok=True)


def ends_of(name: str) -> tuple[str, ...]:
    """The `temporary_ends` of a temporary name; () for any other name."""
    found = _TEMPORARY.fullmatch(name)
    return found.groups() if found else ()


def temporary_ends(path: PurePath) -> tuple[str, str]:
    """What stands before and after the eight random characters of the temporary names for `path`."""
    after = f".partial{path.suffix}"
    return f".{shortened(path.stem, room=LONGEST_NAME - len(os.fsencode(f'..{after}')) - 8)}.", after


def shortened(name: str, *, room: int = LONGEST_NAME) -> str:
    """A name of at most `room` bytes: the name itself if it fits, or else its first bytes and a hash of all of it."""
    encoded = os.fsencode(name)
    if len(encoded) <= room:
        return name
    digest = hashlib.blake2b(encoded, digest_size=8).hexdigest()
    cut = max(0, room - len(digest) - 1)
    # Not within a character of UTF-8, whose further bytes begin with the bits 10.
    while cut and encoded[cut] & 0b1100_0000 == 0b1000_0000:
        cut -= 1
    return f"{os.fsdecode(encoded[:cut])}-{digest}"


def require_new(path: str | os.PathLike[str], *, source: str | os.PathLike[str], overwrite: bool) -> None:
    """Raise `InputError` if a file exists that only the flag --overwrite replaces, or is the source or a folder."""
    if os.path.isdir(path):
        raise InputError(f"{path} is a folder; give the output the name of a file in it")
    if os.path.exists(path) and os.path.exists(source) and os.path.samefile(path, source):
        raise InputError(f"{path}: this would replace the input; give the output another name")
    if os.path.lexists(path) and not overwrite:
        raise InputError(f"{path} exists already: give --overwrite to replace it")


def require_name(path: str | os.PathLike[str]) -> None:
    """Raise `OSError` if the name of a file, which need not exist, is too long for its file system."""
    try:
        os.lstat(path)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise


def nearest_existing(path: str | os.PathLike[str]) -> Path:
    """The path itself if it exists, or else the deepest folder above it that does."""
    return next(each for each in (Path(path), *Path(path).resolve().parents) if each.exists())


def ignores_case(folder: str | os.PathLike[str]) -> bool:
    """Whether names that differ only in upper and lower case are one file in a folder, which need not exist yet.

    It is tried with a temporary file. True if that cannot be made.
    """
    try:
        with tempfile.NamedTemporaryFile(dir=nearest_existing(folder), prefix=".case-") as file:
            path = Path(file.name)
            return path.with_name(path.name.upper()).exists()
    except OSError:
        return True


def insert(file: BinaryIO, at: int, data: bytes) -> None:
    """Insert bytes into a file, open for reading and writing. What follows is moved a block at a time, from the end."""
    if not data:
        return
    end = file.seek(0, os.SEEK_END)
    while end > at:
        begin = max(at, end - 2**22)
        file.seek(begin)
        block = file.read(end - begin)
        file.seek(begin + len(data))
        file.write(block)
        end = begin
    file.seek(at)
    file.write(data)
