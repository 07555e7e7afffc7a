"""Upscales many pictures: while the network computes one, the next is read and previous ones are written."""

import errno
import os
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from jaxsr.errors import InputError, sentence
from jaxsr.upscaling.claim import claimed
from jaxsr.upscaling.files import Stages
from jaxsr.upscaling.plan import Job

# Pictures that are written at a time. Formats other than PNG use one core each, and a JPEG is held in memory whole.
WRITERS = 2

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


class _Stopped(Exception):
    """The run is ending, so the picture is abandoned."""


@dataclass
class _Run:
    """The state that the threads of a run share."""

    stop: threading.Event = field(default_factory=threading.Event)
    # One picture is being read or waits for the network, and the network computes another.
    unfinished: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(2))
    reading: threading.Lock = field(default_factory=threading.Lock)
    computing: threading.Lock = field(default_factory=threading.Lock)
    writing: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(WRITERS))
    reporting: threading.Lock = field(default_factory=threading.Lock)


def identity(path: Path | str) -> Identity:
    """The identity of a file, which differs once another file has replaced it."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def upscale_all(
    jobs: Sequence[Job],
    stages: Stages,
    *,
    overwrite: bool = False,
    progress: Callable[[Job, float], None] = lambda job, fraction: None,
    finished: Callable[[Outcome], None],
) -> None:
    """Upscale pictures, and continue past those that fail. At most four are in memory.

    An existing result is kept, or replaced with `overwrite`. Several processes can work on the same jobs: each result
    is claimed, and a result that another process has written since this call began is left alone. A full disk ends the
    run; pictures that are not being written at that time have no outcome.

    Args:
      jobs: the pictures, started in this order.
      stages: how to upscale a picture. They are called in threads: `write` for up to `WRITERS` pictures at a time, the
        others for one.
      overwrite: whether to replace existing results.
      progress: called with the job that is being computed and the fraction of it that is done.
      finished: called with each outcome, one at a time, from threads and in any order.

    Raises:
      KeyboardInterrupt: the run was interrupted. Pictures that were being written are complete; those that were being
        read or computed are abandoned.
    """
    run = _Run()
    before = [identity(job.target) for job in jobs]

    def upscale(job, seen):
        outcome = _outcome(job, seen, stages, run, overwrite, progress)
        if outcome is not None:
            with run.reporting:
                finished(outcome)

    with ThreadPoolExecutor(max_workers=2 + WRITERS) as pool:
        try:
            for future in as_completed([pool.submit(upscale, *pair) for pair in zip(jobs, before, strict=True)]):
                future.result()
        finally:
            run.stop.set()
            pool.shutdown(wait=False, cancel_futures=True)


def _outcome(job, before, stages, run, overwrite, progress):
    """Upscale one picture, unless another process does; None if the run was stopped."""
    times = []
    try:
        if run.stop.is_set():
            return None
        with claimed(job.target) as mine:
            skip = reason_to_skip(job, before, mine, overwrite=overwrite)
            if skip:
                return Outcome(job, "skipped", skip, 0.0)
            _in_turn(job, stages, run, progress, times)
    except _Stopped:
        return None
    except Exception as error:
        # Whatever goes wrong with one picture, even a bug, must not stop the others.
        if is_disk_full(error):
            run.stop.set()
        return Outcome(job, "failed", why_failed(error, job.source), sum(times))
    return Outcome(job, "done", "", sum(times))


def reason_to_skip(job: Job, before: Identity, mine: bool, *, overwrite: bool) -> str:
    """Why a job is skipped, in a few words; "" if it is not.

    Args:
      job: the job.
      before: identity of the result when the run began.
      mine: whether the result could be claimed.
      overwrite: whether to replace a result that existed when the run began.
    """
    if not mine:
        return "in another process"
    if identity(job.target) != before:
        return "written by another process"
    return "existing" if before is not None and not overwrite else ""


def _in_turn(job, stages, run, progress, times):
    def show(done, total):
        if run.stop.is_set():
            raise _Stopped
        progress(job, done / total)

    with run.unfinished:
        with _turn(run.reading, run, times):
            opened = stages.read(job.source)
        with _turn(run.computing, run, times):
            computed = stages.compute(opened, job.target, show)
    try:
        with _turn(run.writing, run, times):
            stages.write(computed, job.target)
    except _Stopped:
        stages.discard(computed)
        raise


@contextmanager
def _turn(lock, run, times):
    with timed(lock, times):
        if run.stop.is_set():
            raise _Stopped
        try:
            yield
        except OSError as error:
            # Set before the next picture's turn, which would fail too.
            if is_disk_full(error):
                run.stop.set()
            raise


@contextmanager
def timed(lock: AbstractContextManager, times: list[float]) -> Generator[None]:
    """Hold a lock, and append the seconds for which it was held to `times`."""
    with lock:
        start = time.perf_counter()
        try:
            yield
        finally:
            times.append(time.perf_counter() - start)


def is_disk_full(error: Exception) -> bool:
    """Whether an error is that of a full disk or quota."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def why_failed(error: Exception, source: Path | str) -> str:
    """One sentence on why a picture failed, even if by a bug."""
    known = isinstance(error, InputError | OSError)
    return sentence(error) if known else f"{source}: {type(error).__name__}: {error}"
