"""Upscales planned clips as a command does: shows progress, prints a summary and writes a report."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from jaxsr.upscaling.claim import claimed
from jaxsr.upscaling.existing import Existing, has_result, refuse_existing
from jaxsr.upscaling.outcome import Outcome, identity, is_disk_full, reason_to_skip, why_failed
from jaxsr.upscaling.plan import Job
from jaxsr.upscaling.report import conclude, reporting, tell
from jaxsr.upscaling.size import ResultSize
from jaxsr.upscaling.upscaler import AnyUpscaler
from jaxsr.video.files import Planned, Wishes, plan_clip, upscale_clip
from jaxsr.video.trim import parse_trim


def upscale_clips(
    upscaler: AnyUpscaler, jobs: Sequence[Job], wishes: Wishes, *, existing: Existing, report: Path | None
) -> int:
    """Upscale clips one after another, with a progress bar on stderr and each result's path on stdout.

    `report` is the file for a JSON report, or None.

    Returns:
      The exit code: 0, or 1 if a clip failed.

    Raises:
      InputError: results exist, the only clip fails, or the report cannot be written.
      KeyboardInterrupt: after a sentence that says how to resume.
    """
    if existing == "refuse":
        refuse_existing(jobs)
    before = [identity(job.target) for job in jobs]
    outcomes, sizes, choices = {}, {}, {}
    with reporting(report, jobs, outcomes, sizes=sizes, choices=choices):
        try:
            for job, seen in zip(jobs, before, strict=True):
                outcomes[job] = _outcome(upscaler, job, seen, wishes, existing == "replace", sizes, choices)
        except KeyboardInterrupt:
            again = "resumes from the segments that are finished"
            if existing == "replace" and outcomes:
                again = "begins again"
            elif existing == "refuse" and any(map(has_result, jobs)):
                again += " with --skip-existing"
            print(f"the same command {again}", file=sys.stderr)
            raise
        return conclude(jobs, outcomes, kind="clips")


def wishes_of(flags: dict[str, Any], size: ResultSize | None, network: dict[str, Any]) -> Wishes:
    """The wishes that the flags state: codec, crf, preset and trim, which is text. The others are as in `Wishes`.

    Raises:
      InputError: trim is not a span of time.
    """
    trim = None if flags["trim"] is None else parse_trim(flags["trim"])
    encoder = {name: value for name, value in flags.items() if name != "trim"}
    return Wishes(size=size, trim=trim, network=network, **encoder)


def loss(planned: Planned, lost: int) -> str:
    """A few words on the number of packets that gave no frame, for the user; none if there are none."""
    total = len(planned.clip.times)
    return f"{lost} of {total} packets gave no frame (damaged, or not meant to be shown)" if lost else ""


def _outcome(upscaler, job, before, wishes, overwrite, sizes, choices):
    start = time.perf_counter()
    status, reason = "done", ""
    try:
        with claimed(job.target) as mine:
            if skip := reason_to_skip(job, before, mine, overwrite=overwrite):
                return Outcome(job, "skipped", skip, 0.0)
            planned = plan_clip(upscaler, job.source, job.target, wishes, anew=overwrite)
            height, width = planned.clip.size
            sizes[job] = height * width * len(planned.clip.times) / 1e6
            choices[job.source] = planned.choice
            tell(planned.clip.path, planned.clip.notes, planned.choice)
            total = len(planned.clip.times)
            # Frames of an earlier run do not count in the speed of this one.
            done = total - sum(segment.frames for segment in planned.left)
            options = {"unit": " frames", "disable": None, "smoothing": 0.1}
            with tqdm(desc=job.source.name, total=total, initial=done, **options) as bar:
                reason = loss(planned, upscale_clip(planned, progress=bar.update).lost)
            if reason:
                tqdm.write(f"{planned.clip.path}: {reason}", file=sys.stderr)
            tqdm.write(str(job.target))
    # Whatever goes wrong with one clip, even a bug, must not stop the others.
    except Exception as error:
        if is_disk_full(error):
            raise
        status, reason = "failed", why_failed(error, job.source)
    return Outcome(job, status, reason, time.perf_counter() - start)
