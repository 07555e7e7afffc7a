"""One process at a time for each result: a lock file beside it, which a process that dies lets go of by itself."""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from jaxsr.files import remove_abandoned

# Some network file systems have no locks. Work there goes on, without protection from a second process.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@contextlib.contextmanager
def claimed(target: Path) -> Iterator[bool]:
    """Claim a file that is to be written; yields False if another process, or thread, has claimed it.

    The claim is `.NAME.claim` beside the file and is gone when the context ends. One that a killed process left is
    taken over, and the temporary files are deleted that it left with it.

    Raises:
      OSError: the folder of `target` cannot be made or written, or the lock cannot be had for another reason.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    path = target.with_name(f".{target.name}.claim")
    left_behind = path.exists()
    handle = _lock(path)
    if handle is None:
        yield False
        return
    try:
        if left_behind:
            remove_abandoned(target)
        yield True
    finally:
        # Deleted while it is locked: whoever opened it meanwhile will see that the name is gone.
        path.unlink(missing_ok=True)
        os.close(handle)


def _lock(path):
    """An open, locked file that still has its name, or None if another has it."""
    while True:
        handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(handle), os.stat(path)):
                return handle
        except BlockingIOError:
            os.close(handle)
            return None
        except FileNotFoundError:
            pass
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return handle
            os.close(handle)
            raise
        os.close(handle)
