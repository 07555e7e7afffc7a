"""Many pictures: while the network computes one, the next is read and those before it are written."""

import errno
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from jaxsr.errors import InputError, sentence
from jaxsr.upscaling.batch import Stages
from jaxsr.upscaling.claim import claimed
from jaxsr.upscaling.plan import Job

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
# Pictures that are written at a time. Each of a format but PNG is one core's work, and a JPEG lies in memory whole.
WRITERS = 2

# (inode, time of change, size) of a file, or None where there is none.
Identity = tuple[int, int, int] | None


@dataclass(frozen=True)
class Outcome:
    """What became of a picture.

    Attributes:
      job: the picture and its result's path.
      status: "done", "skipped" or "failed".
      reason: why it was skipped (two or three words) or failed (one sentence); empty for "done".
      seconds: spent reading, computing and writing it, without waiting for other pictures.
    """

    job: Job
    status: Literal["done", "skipped", "failed"]
    reason: str
    seconds: float


class _Stopped(Exception):
    """This run ends: the picture is given up."""


@dataclass
class _Run:
    """What the threads of a run share."""

    stop: threading.Event = field(default_factory=threading.Event)
    # One that is read, or waits for the network, and one that the network computes.
    unfinished: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(2))
    reading: threading.Lock = field(default_factory=threading.Lock)
    computing: threading.Lock = field(default_factory=threading.Lock)
    writing: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(WRITERS))
    reporting: threading.Lock = field(default_factory=threading.Lock)


def identity(path: Path) -> Identity:
    """What tells a file from another that has taken its place."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def has_result(job: Job) -> bool:
    """Whether there is a file where the result goes."""
    return os.path.lexists(job.target)


def refuse_existing(jobs: Sequence[Job], *, exists: Callable[[Job], bool] = has_result) -> None:
    """Raise `InputError` if there are results already."""
    existing = [job.target for job in jobs if exists(job)]
    if existing:
        which = f"{existing[0]} exists" if len(existing) == 1 else f"{existing[0]} and {len(existing) - 1} more exist"
        raise InputError(f"{which} already: give --skip-existing to keep what exists, or --overwrite to replace it")


def upscale_all(
    jobs: Sequence[Job],
    stages: Stages,
    *,
    overwrite: bool = False,
    progress: Callable[[Job, float], None] = lambda job, fraction: None,
    finished: Callable[[Outcome], None],
) -> None:
    """Upscale pictures, past those that fail; at most four are in memory.

    A result that exists is left alone, or with `overwrite` replaced. Several processes can work on the same jobs: each
    result is claimed, and none is written that another process has written since this call began. A full disk ends
    the run; the pictures not being written by then have no outcome.

    Args:
      jobs: the pictures, taken up in this order.
      stages: how to upscale one; called in threads, `write` for up to `WRITERS` pictures at a time, the others for one.
      overwrite: replace results.
      progress: called with the job that is computed and the fraction of it that is done.
      finished: called with each outcome, one at a time, from threads and in any order.

    Raises:
      KeyboardInterrupt: after what was being written is whole; what was being read or computed is given up.
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
    """Upscale one picture if it is this process's to do; None if the run was stopped."""
    times = []
    try:
        if run.stop.is_set():
            return None
        with claimed(job.target) as mine:
            skip = _reason_to_skip(job, before, mine, overwrite)
            if skip:
                return Outcome(job, "skipped", skip, 0.0)
            _in_turn(job, stages, run, progress, times)
    except _Stopped:
        return None
    except OSError as error:
        if error.errno in DISK_FULL:
            run.stop.set()
        return Outcome(job, "failed", sentence(error), sum(times))
    except Exception as error:
        # Whatever is wrong with one picture, or in the program, the others of a long night are worth having.
        reason = str(error) if isinstance(error, InputError) else f"{job.source}: {type(error).__name__}: {error}"
        return Outcome(job, "failed", reason, sum(times))
    return Outcome(job, "done", "", sum(times))


def _reason_to_skip(job, before, mine, overwrite):
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
        if stages.discard is not None:
            stages.discard(computed)
        raise


@contextmanager
def _turn(lock, run, times):
    with lock:
        if run.stop.is_set():
            raise _Stopped
        start = time.perf_counter()
        try:
            yield
        except OSError as error:
            # Before the next picture's turn, which would fail too.
            if error.errno in DISK_FULL:
                run.stop.set()
            raise
        finally:
            times.append(time.perf_counter() - start)
