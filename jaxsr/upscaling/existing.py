"""What is done with results that exist already, and what a run would do, for pictures and clips."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from jaxsr.errors import InputError
from jaxsr.upscaling.choice import Choice
from jaxsr.upscaling.plan import Job

# Refuse to start, keep them, or replace them.
Existing = Literal["refuse", "keep", "replace"]


def existing_results(*, skip: bool, overwrite: bool) -> Existing:
    """What to do with existing results, from the two flags.

    Raises:
      InputError: both flags are given.
    """
    if skip and overwrite:
        raise InputError("--skip-existing keeps results that exist and --overwrite replaces them: give one of the two")
    return "keep" if skip else "replace" if overwrite else "refuse"


def has_result(job: Job) -> bool:
    """Whether the target of a job exists."""
    return os.path.lexists(job.target)


def refuse_existing(jobs: Sequence[Job], *, exists: Callable[[Job], bool] = has_result) -> None:
    """Raise `InputError` if the result of any job exists."""
    existing = [job.target for job in jobs if exists(job)]
    if existing:
        which = f"{existing[0]} exists" if len(existing) == 1 else f"{existing[0]} and {len(existing) - 1} more exist"
        raise InputError(f"{which} already: give --skip-existing to keep what exists, or --overwrite to replace it")


def list_jobs(
    jobs: Sequence[Job],
    *,
    existing: Existing,
    exists: Callable[[Job], bool] = has_result,
    choose: Callable[[Path], Choice] | None = None,
) -> int:
    """Print what would be done with each picture, and the network that `choose` chooses for it.

    Returns:
      The exit code: 0, or 1 if a picture cannot be read to choose its network.

    Raises:
      InputError: existing results would be refused, or the only picture cannot be read.
    """
    if existing == "refuse":
        refuse_existing(jobs, exists=exists)
    unreadable = 0
    for job in jobs:
        what = "upscale" if not exists(job) else "skip" if existing == "keep" else "replace"
        by = ""
        if choose and what != "skip":
            try:
                by = f" by {choose(Path(job.source))}"
            except InputError as error:
                if len(jobs) == 1:
                    raise
                print(f"error: {error}", file=sys.stderr)
                unreadable += 1
                continue
        print(f"{what}: {job.source} -> {job.target}{by}")
    return 1 if unreadable else 0
