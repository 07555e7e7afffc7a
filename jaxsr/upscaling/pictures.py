"""Upscales planned pictures as a command does: shows progress, prints a summary and writes a report."""

import threading
import warnings
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm

from jaxsr.errors import InputError
from jaxsr.imaging.picture import picture_size
from jaxsr.upscaling.choice import Choice
from jaxsr.upscaling.existing import Existing, refuse_existing
from jaxsr.upscaling.files import file_stages
from jaxsr.upscaling.folder import upscale_all
from jaxsr.upscaling.outcome import Outcome
from jaxsr.upscaling.plan import Job
from jaxsr.upscaling.report import conclude, reporting, say_how_to_go_on, tell
from jaxsr.upscaling.upscaler import AnyUpscaler

_BAR = "{desc}: {percentage:3.0f}%|{bar}| {n:.1f}/{total:.1f} megapixels [{elapsed}<{remaining}, {rate_noinv_fmt}]"


def upscale_pictures(
    upscaler: AnyUpscaler, jobs: Sequence[Job], *, existing: Existing, report: Path | None, **options: Any
) -> int:
    """Upscale pictures. A progress bar and a summary go to stderr, and the path of each result to stdout.

    `report` is the file for a JSON report, or None; the options are those of `jaxsr.upscaling.files.file_stages`.

    Returns:
      The exit code: 0, or 1 if a picture failed.

    Raises:
      InputError: existing results are refused, the only picture fails, or the report cannot be written.
      KeyboardInterrupt: the run was interrupted; raised after the summary and the report are written.
    """
    if existing == "refuse":
        refuse_existing(jobs)
    sizes = {job: megapixels(job.source) for job in jobs}
    outcomes: dict[Job, Outcome] = {}
    choices: dict[Path, Choice | None] = {}

    def note(opened):
        choices[opened.picture.path] = opened.choice
        tell(opened.picture.path, opened.picture.notes, opened.choice)

    stages = file_stages(upscaler, note=note, **options)
    with reporting(report, jobs, outcomes, sizes=sizes, choices=choices):
        try:
            with _bar(jobs, sizes) as (progress, count):

                def finished(outcome: Outcome) -> None:
                    count(outcome)
                    outcomes[outcome.job] = outcome
                    if outcome.status == "done":
                        # A plain print would end up inside the bar.
                        tqdm.write(str(outcome.job.target))

                upscale_all(jobs, stages, overwrite=existing == "replace", progress=progress, finished=finished)
        except KeyboardInterrupt:
            say_how_to_go_on(jobs, outcomes, existing=existing)
            raise
        return conclude(jobs, outcomes)


def megapixels(path: Path | str) -> float | None:
    """Millions of pixels of a picture file, from its header; None if it cannot be read."""
    with warnings.catch_warnings():
        # Warnings are issued when the whole picture is read.
        warnings.simplefilter("ignore")
        try:
            height, width = picture_size(path)
        except InputError:
            return None
    return height * width / 1e6


@contextmanager
def _bar(jobs, sizes):
    """Show a bar on stderr, if that is a terminal. It counts megapixels, because pictures have different sizes.

    Yields the arguments `progress` and `finished` of `upscale_all`. Skipped and failed pictures do not count as work
    done, and pictures of unknown size not at all.
    """
    size_of = {job: sizes[job] or 0.0 for job in jobs}
    computed = dict.fromkeys(jobs, 0.0)
    ended = {"done": 0, "skipped": 0, "failed": 0}
    lock = threading.RLock()
    # Above zero, because tqdm cannot show a percentage of nothing.
    total = sum(size_of.values()) + 1e-9
    begin = f"0/{len(jobs)} pictures"
    with tqdm(desc=begin, total=total, unit=" megapixels", bar_format=_BAR, disable=None, smoothing=0.1) as bar:

        def advance(job, fraction):
            with lock:
                bar.update(size_of[job] * fraction - computed[job])
                computed[job] = size_of[job] * fraction

        def count(outcome):
            with lock:
                ended[outcome.status] += 1
                if outcome.status == "done":
                    advance(outcome.job, 1.0)
                else:
                    bar.total -= size_of[outcome.job] - computed[outcome.job]
                more = "".join(f", {ended[status]} {status}" for status in ("skipped", "failed") if ended[status])
                bar.set_description_str(f"{ended['done']}/{len(jobs)} pictures{more}")

        yield advance, count
