"""The queue of jobs: pictures that wait, the one that is being upscaled, and those that are done."""

import secrets
import shutil
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from jaxsr.demo.models import Offer
from jaxsr.demo.view import Pyramid
from jaxsr.errors import InputError

State = Literal["queued", "running", "done", "failed"]


class Cancelled(Exception):
    """The job's owner no longer wants it."""


@dataclass(eq=False)
class PageJob:
    """One picture to upscale. The worker's thread writes all attributes except `seen`; requests read them.

    Attributes:
      folder: private folder of the job, with the upload and everything made from it.
      source: the upload.
      offer: the model.
      strength: strength of the model, in [0, 1]; None if it has none.
      token: secret that a request must name to reach the job.
      state: state in the queue.
      stage: "upscaling", then "view" while tiles for the page are made.
      done: number of tiles done, of `total`. Both are 0 before the first tile.
      total: number of all tiles.
      error: sentence that says why it failed.
      note: sentence for the visitor, or "".
      result: the upscaled file, once the job is done.
      pyramids: tiles that the page shows of "before", "enlarged" and "after"; {} if the format cannot be shown.
      seen: time of the last request for it, from `time.monotonic`.
      cancelled: set to end the job.
    """

    folder: Path
    source: Path
    offer: Offer
    strength: float | None
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    state: State = "queued"
    stage: str = "upscaling"
    done: int = 0
    total: int = 0
    error: str | None = None
    note: str = ""
    result: Path | None = None
    pyramids: dict[str, Pyramid] = field(default_factory=dict)
    seen: float = field(default_factory=time.monotonic)
    cancelled: threading.Event = field(default_factory=threading.Event)

    def check(self) -> None:
        """Raise `Cancelled` if the job was cancelled."""
        if self.cancelled.is_set():
            raise Cancelled


class Queue:
    """Jobs in the order of arrival. One thread does them one at a time."""

    def __init__(self, folder: Path, work: Callable[[PageJob], None]):
        """Make an empty queue.

        Args:
          folder: gets a private folder for each job.
          work: does a job, and may raise `InputError`.
        """
        self._folder, self._work = folder, work
        self._jobs: dict[str, PageJob] = {}
        self._lock = threading.Lock()
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="upscaling")

    def new_folder(self) -> Path:
        """Make an empty folder for one job."""
        return Path(tempfile.mkdtemp(dir=self._folder))

    def add(self, job: PageJob) -> None:
        """Append a job to the queue."""
        with self._lock:
            self._jobs[job.token] = job
        self._executor.submit(self._run, job)

    def find(self, token: str) -> PageJob | None:
        """The job with this token, whose time of last request becomes now; None if it does not exist."""
        job = self._jobs.get(token)
        if job is not None:
            job.seen = time.monotonic()
        return job

    def waiting(self) -> int:
        """Number of jobs that are not done, including the running one."""
        with self._lock:
            return sum(job.state in ("queued", "running") for job in self._jobs.values())

    def ahead(self, job: PageJob) -> int:
        """Number of jobs that will be done before this one, including the running one."""
        with self._lock:
            jobs = list(self._jobs.values())
        return sum(other.state in ("queued", "running") for other in jobs[: jobs.index(job)]) if job in jobs else 0

    def drop(self, job: PageJob) -> None:
        """End a job and delete its files, at once or after the tile that is being computed."""
        with self._lock:
            self._jobs.pop(job.token, None)
            job.cancelled.set()
            if job.state != "running":
                shutil.rmtree(job.folder, ignore_errors=True)

    def drop_unseen(self, seconds: float) -> None:
        """Drop jobs that nobody has asked for in this many seconds."""
        limit = time.monotonic() - seconds
        for job in list(self._jobs.values()):
            if job.seen < limit:
                self.drop(job)

    def close(self) -> None:
        """Drop all jobs, and wait for the tile that is being computed."""
        for job in list(self._jobs.values()):
            self.drop(job)
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _run(self, job):
        with self._lock:
            if job.cancelled.is_set():
                return
            job.state = "running"
        state = "failed"
        try:
            self._work(job)
            state = "done"
        except Cancelled:
            pass
        except OSError as error:
            job.error = f"{job.source.name}: {error.strerror or error} on the server"
        except InputError as error:
            # Show the visitor only the picture's name, not the server's folders.
            job.error = str(error).replace(f"{job.source.parent}/", "").replace(f"{job.folder}/", "")
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            job.error = (
                f"{job.source.name}: an internal {type(error).__name__}; the server's terminal shows the details"
            )
        with self._lock:
            job.state = state
            if state == "failed" or job.cancelled.is_set():
                shutil.rmtree(job.folder, ignore_errors=True)
