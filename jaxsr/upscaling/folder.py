"""Upscales many pictures: while the network computes one, the next is read and previous ones are written."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field

from jaxsr.upscaling.claim import claimed
from jaxsr.upscaling.files import Stages
from jaxsr.upscaling.outcome import Outcome, identity, is_disk_full, reason_to_skip, timed, why_failed
from jaxsr.upscaling.plan import Job

# Pictures that are written at a time. Formats other than PNG use one core each, and a JPEG is held in memory whole.
WRITERS = 2


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
