"""What became of a job of upscaling, why, and how long it took."""

import errno
import os
import time
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jaxsr.errors import InputError, sentence
from jaxsr.upscaling.plan import Job

# (inode, modification time, size) of a file, or None if it does not exist.
Identity = tuple[int, int, int] | None


@dataclass(frozen=True)
class Outcome:
    """The outcome of a job.

    Attributes:
      job: the picture and the path of its result.
      status: "done", "skipped" or "failed".
      reason: why it was skipped (a few words) or failed (one sentence); for "done", what a clip lacks,
        usually nothing.
      seconds: time for reading, computing and writing it, without waiting for other pictures.
    """

    job: Job
    status: Literal["done", "skipped", "failed"]
    reason: str
    seconds: float


def identity(path: Path | str) -> Identity:
    """The identity of a file, which differs once another file has replaced it."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def reason_to_skip(job: Job, before: Identity, mine: bool, *, overwrite: bool) -> str:
    """Why a job is skipped, in a few words; "" if it is not.

    `before` is the identity of its result when the run began, which `overwrite` replaces; `mine` is whether the result
    could be claimed.
    """
    if not mine:
        return "in another process"
    if identity(job.target) != before:
        return "written by another process"
    return "existing" if before is not None and not overwrite else ""


def is_disk_full(error: Exception) -> bool:
    """Whether an error is that of a full disk or quota."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def why_failed(error: Exception, source: Path | str) -> str:
    """One sentence on why a picture failed, even if by a bug."""
    known = isinstance(error, InputError | OSError)
    return sentence(error) if known else f"{source}: {type(error).__name__}: {error}"


@contextmanager
def timed(lock: AbstractContextManager, times: list[float]) -> Generator[None]:
    """Hold a lock, and append the seconds for which it was held to `times`."""
    with lock:
        start = time.perf_counter()
        try:
            yield
        finally:
            times.append(time.perf_counter() - start)
