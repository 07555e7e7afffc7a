"""Run `jaxsr upscale` for planned clips: show progress and write a report."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from jaxsr.errors import InputError, sentence
from jaxsr.upscaling.claim import claimed
from jaxsr.upscaling.command import Existing
from jaxsr.upscaling.folder import DISK_FULL, Outcome, has_result, refuse_existing
from jaxsr.upscaling.plan import Job
from jaxsr.upscaling.report import summary, write_report
from jaxsr.upscaling.size import Target
from jaxsr.upscaling.upscaler import AnyUpscaler
from jaxsr.video.files import Planned, Wishes, plan_clip, upscale_clip
from jaxsr.video.trim import parse_trim


def run(
    upscaler: AnyUpscaler,
    jobs: Sequence[Job],
    flags: dict[str, Any],
    size: Target | None,
    network: dict[str, Any],
    *,
    existing: Existing,
    report: Path | None,
) -> int:
    """Upscale clips one after another, with a progress bar on stderr and each result's path on stdout.

    Args:
      upscaler: the network.
      jobs: the clips.
      flags: the flags codec, crf, preset and trim.
      size: maps a clip's (height, width) to those of its result; None for the upscaler's scale.
      network: the options that describe the network, apart from its name and card.
      existing: what to do with results that exist: refuse to start, keep them, or replace them.
      report: file for a JSON report, or None.

    Returns:
      The exit code: 0, or 1 if a clip failed.

    Raises:
      InputError: results exist, the only clip fails, or the report cannot be written.
      KeyboardInterrupt: after a sentence that says how to resume.
    """
    wishes = wishes_of(flags, size, network)
    if existing == "refuse":
        refuse_existing(jobs)
    outcomes, sizes, choices = [], {}, {}
    try:
        for job in jobs:
            if existing == "keep" and has_result(job):
                outcomes.append(Outcome(job, "skipped", "existing", 0.0))
                continue
            outcomes.append(_outcome(upscaler, job, wishes, existing == "replace", sizes, choices))
    except KeyboardInterrupt:
        print("the same command resumes from the segments that are finished", file=sys.stderr)
        raise
    finally:
        if report is not None:
            write_report(report, jobs, [sizes.get(job) for job in jobs], outcomes, choices=choices)
    if len(jobs) == 1 and outcomes[0].status == "failed":
        raise InputError(outcomes[0].reason)
    if len(jobs) > 1 or outcomes[0].status == "skipped":
        print(summary(jobs, outcomes, kind="clips"), file=sys.stderr)
    return 0 if all(outcome.status != "failed" for outcome in outcomes) else 1


def wishes_of(flags: dict[str, Any], size: Target | None, network: dict[str, Any]) -> Wishes:
    """The wishes that the flags state. The arguments are those of `run`.

    Raises:
      InputError: trim is not a span of time.
    """
    return Wishes(
        size=size,
        codec=flags["codec"],
        crf=flags["crf"],
        preset=flags["preset"],
        trim=None if flags["trim"] is None else parse_trim(flags["trim"]),
        network=network,
    )


def tell(planned: Planned) -> None:
    """Print the notes on a clip to stderr, and the network that was chosen for it."""
    chosen = (f"by {planned.choice}",) if planned.choice else ()
    if notes := (*planned.clip.notes, *chosen):
        tqdm.write(f"{planned.clip.path}: {'; '.join(notes)}", file=sys.stderr)


def loss(planned: Planned, lost: int) -> str:
    """A few words on the number of frames that could not be decoded, for the user; none if there are none."""
    return f"{lost} of {len(planned.clip.times)} frames could not be decoded" if lost else ""


def _outcome(upscaler, job, wishes, anew, sizes, choices):
    start = time.perf_counter()
    status, reason = "done", ""
    try:
        with claimed(job.target) as mine:
            if not mine:
                return Outcome(job, "skipped", "in another process", 0.0)
            planned = plan_clip(upscaler, job.source, job.target, wishes, anew=anew)
            height, width = planned.clip.size
            sizes[job] = height * width * len(planned.clip.times) / 1e6
            choices[job.source] = planned.choice
            tell(planned)
            total = len(planned.clip.times)
            # Frames of an earlier run do not count in the speed of this one.
            done = total - sum(segment.frames for segment in planned.left)
            options = {"unit": " frames", "disable": None, "smoothing": 0.1}
            with tqdm(desc=job.source.name, total=total, initial=done, **options) as bar:
                reason = loss(planned, upscale_clip(planned, progress=bar.update).lost)
            if reason:
                tqdm.write(f"{planned.clip.path}: {reason}", file=sys.stderr)
            tqdm.write(str(job.target))
    except (InputError, OSError) as error:
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            raise
        status, reason = "failed", sentence(error)
    return Outcome(job, status, reason, time.perf_counter() - start)
