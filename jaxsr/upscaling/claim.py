"""Lets one process at a time work on each result, by a lock file beside it. The lock of a dead process is released."""

import contextlib
import errno
import fcntl
import os
from collections.abc import Generator
from pathlib import Path

from jaxsr.files import LONGEST_NAME, remove_abandoned, require_name, shortened

# Most bytes of a target's name in that of its claim.
_ROOM = LONGEST_NAME - len("..claim")
# Some network file systems have no locks. Work continues there, without protection from a second process.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@contextlib.contextmanager
def claimed(target: Path) -> Generator[bool]:
    """Claim a file that will be written.

    The claim is the file `.NAME.claim` beside the target, where a long name is shortened. It is deleted when the
    context ends. The claim of a killed process is taken over, and the temporary files that it left are deleted.

    Yields:
      Whether the claim succeeded; False if another process or thread has claimed the file.

    Raises:
      OSError: the folder of `target` cannot be created or written, the name of `target` is too long, or locking fails
        for another reason.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    require_name(target)
    path = target.with_name(f".{shortened(target.name, room=_ROOM)}.claim")
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
        # Deleted while it is locked, so that a process that has just opened it sees that the name is gone.
        path.unlink(missing_ok=True)
        os.close(handle)


def _lock(path):
    """Descriptor of a locked file that still has its name; None if another process holds the lock."""
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
