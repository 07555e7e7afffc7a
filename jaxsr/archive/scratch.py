"""A folder for the files of one run, which goes once no replica can write into it any more."""

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Generator

# Seconds in which replicas end after their cluster, with a wide margin.
_PATIENCE = 30


@contextlib.contextmanager
def run_folder() -> Generator[str]:
    """Yield a temporary folder, and remove it with all that is in it. The cluster must have ended by then.

    A cluster kills its replicas, which then cannot clean up. Those of other machines do not see this folder: what they
    leave in their own TMPDIR stays.
    """
    with tempfile.TemporaryDirectory(prefix="jaxsr-archive-", ignore_cleanup_errors=True) as folder:
        try:
            yield folder
        finally:
            _wait(folder)


def joined(folder: str | None) -> str | None:
    """The run's folder if this machine has it, or else None. The run waits for the end of the process that asks."""
    if folder is None or not os.access(folder, os.W_OK):
        return None
    # Some file systems have no locks.
    with contextlib.suppress(OSError):
        # Never closed: the lock ends with the process, however it ends.
        fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_SH)
    return folder


def _wait(folder):
    handle = os.open(folder, os.O_RDONLY)
    try:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            try:
                return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.05)
            except OSError:
                return None
    finally:
        os.close(handle)
