"""Writing files so that a reader only ever sees a whole one."""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` on success, delete it on any error.

    The temporary name keeps the suffix of `path`, since image writers go by it. A process that is killed leaves it
    behind; see `remove_abandoned`.

    Raises:
      OSError: `path` cannot be written, or the disk is full; it is then as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=f".partial{path.suffix}")
    os.close(handle)
    temporary = Path(name)
    try:
        # mkstemp makes private files; give what any other new file would get.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        yield temporary
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno:
            # Name the file that was asked for, not the temporary one.
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def remove_abandoned(path: str | os.PathLike) -> None:
    """Delete the temporary files of killed processes that were writing `path` with `replacing`.

    Only for a caller who knows that nobody is writing `path` now.
    """
    path = Path(path)
    name = abandoned_names(path)
    for entry in os.scandir(path.parent):
        if name.fullmatch(entry.name):
            Path(entry).unlink(missing_ok=True)


def abandoned_names(path: str | os.PathLike) -> re.Pattern:
    """What the names of such temporary files look like."""
    path = Path(path)
    return re.compile(re.escape(f".{path.stem}.") + "[a-z0-9_]{8}" + re.escape(f".partial{path.suffix}"))
