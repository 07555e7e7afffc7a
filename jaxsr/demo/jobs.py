"""Pictures that wait, one that is being upscaled, and those that are done."""

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

from jaxsr.demo.view import Pyramid
from jaxsr.errors import InputError

State = Literal["queued", "running", "done", "failed"]


class Cancelled(Exception):
    """The job's owner does not want it any more."""


@dataclass(eq=False)
class Job:
    """One picture on its way. The worker's thread writes all but `seen`, requests read it.

    Attributes:
      folder: private to the job; holds the upload and all that is made of it.
      source: the upload.
      model: name of the model among those offered.
      strength: of the model, in [0, 1]; None where it has none.
      token: what a request must know to reach the job.
      state: how far it is.
      stage: what is being done while it runs.
      done: tiles done, of `total`; 0 of 0 before the first.
      total: all tiles.
      error: why it failed, in a sentence.
      note: what a person should know of the picture, or "".
      result: the upscaled file, once it is done.
      pyramids: what the page shows, by "before", "enlarged" and "after"; {} where the format cannot be shown.
      seen: when it was last asked for, by `time.monotonic`.
      cancelled: set to end it.
    """

    folder: Path
    source: Path
    model: str
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
        """Raise `Cancelled` if the job is not wanted any more."""
        if self.cancelled.is_set():
            raise Cancelled


class Queue:
    """Jobs in the order in which they came, done one at a time by one thread."""

    def __init__(self, folder: Path, work: Callable[[Job], None]):
        """`folder` takes a private folder for each job; `work` does a job and may raise `InputError`."""
        self._folder, self._work = folder, work
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="upscaling")

    def new_folder(self) -> Path:
        """An empty folder for one job."""
        return Path(tempfile.mkdtemp(dir=self._folder))

    def add(self, job: Job) -> None:
        """Put a job at the end."""
        with self._lock:
            self._jobs[job.token] = job
        self._executor.submit(self._run, job)

    def find(self, token: str) -> Job | None:
        """The job of this token, which counts as asked for now; None if there is none any more."""
        job = self._jobs.get(token)
        if job is not None:
            job.seen = time.monotonic()
        return job

    def waiting(self) -> int:
        """Jobs that are not done, the running one included."""
        with self._lock:
            return sum(job.state in ("queued", "running") for job in self._jobs.values())

    def ahead(self, job: Job) -> int:
        """Jobs that will be done before this one, the running one included."""
        with self._lock:
            jobs = list(self._jobs.values())
        return sum(other.state in ("queued", "running") for other in jobs[: jobs.index(job)]) if job in jobs else 0

    def drop(self, job: Job) -> None:
        """End a job and delete its files: at once, or when the tile that is being computed is done."""
        with self._lock:
            self._jobs.pop(job.token, None)
            job.cancelled.set()
            if job.state != "running":
                shutil.rmtree(job.folder, ignore_errors=True)

    def drop_unseen(self, seconds: float) -> None:
        """Drop what nobody has asked for in so long."""
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
        except (InputError, OSError) as error:
            # The visitor knows the picture by its name, and the folder is nobody's business.
            job.error = str(error).replace(f"{job.source.parent}/", "").replace(f"{job.folder}/", "")
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            job.error = f"{job.source.name}: {type(error).__name__} inside; the terminal of the page has the details"
        with self._lock:
            job.state = state
            if state == "failed" or job.cancelled.is_set():
                shutil.rmtree(job.folder, ignore_errors=True)
