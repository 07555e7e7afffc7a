"""Runs the planned pictures of `jaxsr upscale`: shows progress, prints a summary and writes a report."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from jaxsr.errors import InputError
from jaxsr.imaging.deflate import Compression
from jaxsr.upscaling.batch import file_stages
from jaxsr.upscaling.choice import Choice
from jaxsr.upscaling.folder import Outcome, has_result, refuse_existing, upscale_all
from jaxsr.upscaling.plan import Job
from jaxsr.upscaling.progress import megapixels, picture_bar
from jaxsr.upscaling.report import reporting, summary, write_report
from jaxsr.upscaling.size import Target
from jaxsr.upscaling.upscaler import AnyUpscaler

Existing = Literal["refuse", "keep", "replace"]


def existing_results(*, skip: bool, overwrite: bool) -> Existing:
    """What to do with existing results, from the two flags.

    Raises:
      InputError: both flags are given.
    """
    if skip and overwrite:
        raise InputError("--skip-existing keeps results that exist and --overwrite replaces them: give one of the two")
    return "keep" if skip else "replace" if overwrite else "refuse"


def list_jobs(
    jobs: Sequence[Job],
    *,
    existing: Existing,
    exists: Callable[[Job], bool] = has_result,
    choose: Callable[[Path], Choice] | None = None,
) -> int:
    """Print what `run` would do with each picture.

    Args:
      jobs: the pictures.
      existing: what `run` would do with existing results.
      exists: whether the result of a job exists.
      choose: chooses the network for a picture, which is printed too; None if the network is named.

    Returns:
      The exit code: 0, or 1 if a picture cannot be read to choose its network.

    Raises:
      InputError: `run` would refuse existing results, or the only picture cannot be read.
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


def check_quality(quality: int) -> None:
    """Raise `InputError` if a quality of JPEG and WebP is not from 1 to 100."""
    if not 1 <= quality <= 100:
        raise InputError(f"--quality {quality}: give a number from 1 to 100")


def _tell(opened):
    chosen = (f"by {opened.choice}",) if opened.choice else ()
    if notes := (*opened.picture.notes, *chosen):
        tqdm.write(f"{opened.picture.path}: {'; '.join(notes)}", file=sys.stderr)


def run(
    upscaler: AnyUpscaler,
    jobs: Sequence[Job],
    *,
    existing: Existing,
    report: Path | None,
    size: Target | None = None,
    quality: int = 95,
    compression: Compression = "balanced",
    salvage: bool = False,
    keep_times: bool = False,
    first_frame: bool = False,
) -> int:
    """Upscale pictures. A progress bar and a summary go to stderr, and the path of each result to stdout.

    Args:
      upscaler: the network.
      jobs: the pictures.
      existing: what to do with existing results: refuse to start, keep them or replace them.
      report: file for a JSON report, or None.
      size: from (height, width) of a picture to that of its result; None for the upscaler's scale.
      quality: the quality of JPEG and WebP, 1 to 100.
      compression: the compression of PNG, see `jaxsr.imaging.png.write_png`.
      salvage: see `jaxsr.upscaling.batch.file_stages`.
      keep_times: see `jaxsr.upscaling.batch.file_stages`.
      first_frame: see `jaxsr.upscaling.batch.file_stages`.

    Returns:
      The exit code: 0, or 1 if a picture failed.

    Raises:
      InputError: existing results are refused, the only picture fails, or the report cannot be written.
      KeyboardInterrupt: the run was interrupted; raised after the summary and the report are written.
    """
    if existing == "refuse":
        refuse_existing(jobs)
    sizes = [megapixels(job.source) for job in jobs]
    outcomes: list[Outcome] = []
    choices: dict[Path, Choice | None] = {}

    def note(opened):
        choices[opened.picture.path] = opened.choice
        _tell(opened)

    def tell(outcome):
        outcomes.append(outcome)
        if outcome.status == "done":
            # A plain print would end up inside the bar.
            tqdm.write(str(outcome.job.target))

    files = {"compression": compression, "salvage": salvage, "keep_times": keep_times, "first_frame": first_frame}
    stages = file_stages(upscaler, size=size, quality=quality, note=note, **files)
    with reporting(report, lambda path: write_report(path, jobs, sizes, outcomes, choices=choices)):
        try:
            with picture_bar(jobs, sizes) as (progress, count):

                def finished(outcome: Outcome) -> None:
                    count(outcome)
                    tell(outcome)

                upscale_all(jobs, stages, overwrite=existing == "replace", progress=progress, finished=finished)
        except KeyboardInterrupt:
            again = "begins again" if existing == "replace" else "goes on from here with --skip-existing"
            print(f"{summary(jobs, outcomes)}\nthe same command {again}", file=sys.stderr)
            raise
        if len(jobs) == 1 and outcomes[0].status == "failed":
            raise InputError(outcomes[0].reason)
        if len(jobs) > 1 or outcomes[0].status == "skipped":
            print(summary(jobs, outcomes), file=sys.stderr)
    return 0 if all(outcome.status != "failed" for outcome in outcomes) else 1
