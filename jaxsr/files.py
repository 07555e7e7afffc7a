"""Writing files so that readers never see half of one."""

import contextlib
import os
import re
import tempfile
from collections.abc import Generator
from pathlib import Path


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
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=f".partial{path.suffix}")
    except OSError as error:
        raise _named(error, path) from error
    os.close(handle)
    temporary = Path(name)
    try:
        # mkstemp makes private files; give this one the permissions of any other new file.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        yield temporary
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno:
            raise _named(error, path) from error
        raise


def _named(error, path):
    """The error with the file that the caller asked for, not the temporary one."""
    return OSError(error.errno, error.strerror, str(path))


def remove_abandoned(path: str | os.PathLike[str]) -> None:
    """Delete the temporary files that killed processes left behind when they wrote `path` with `replacing`.

    Call this only when no other process is writing `path`.
    """
    path = Path(path)
    name = abandoned_names(path)
    for entry in os.scandir(path.parent):
        if name.fullmatch(entry.name):
            Path(entry).unlink(missing_ok=True)


def abandoned_names(path: str | os.PathLike[str]) -> re.Pattern[str]:
    """A pattern of the names that `replacing` gives to temporary files for `path`."""
    path = Path(path)
    return re.compile(re.escape(f".{path.stem}.") + "[a-z0-9_]{8}" + re.escape(f".partial{path.suffix}"))
