"""Upscales planned pictures as a command does: shows progress, prints a summary and writes a report."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from jaxsr.upscaling.choice import Choice
from jaxsr.upscaling.existing import Existing, refuse_existing
from jaxsr.upscaling.files import file_stages
from jaxsr.upscaling.folder import upscale_all
from jaxsr.upscaling.outcome import Outcome
from jaxsr.upscaling.plan import Job
from jaxsr.upscaling.progress import megapixels, picture_bar
from jaxsr.upscaling.report import conclude, reporting, say_how_to_go_on, tell
from jaxsr.upscaling.upscaler import AnyUpscaler


def upscale_pictures(
    upscaler: AnyUpscaler, jobs: Sequence[Job], *, existing: Existing, report: Path | None, **options: Any
) -> int:
    """Upscale pictures. A progress bar and a summary go to stderr, and the path of each result to stdout.

    Args:
      upscaler: the network.
      jobs: the pictures.
      existing: what to do with existing results.
      report: file for a JSON report, or None.
      options: options of `jaxsr.upscaling.files.file_stages`.

    Returns:
      The exit code: 0, or 1 if a picture failed.

    Raises:
      InputError: existing results are refused, the only picture fails, or the report cannot be written.
      KeyboardInterrupt: the run was interrupted; raised after the summary and the report are written.
    """
    if existing == "refuse":
        refuse_existing(jobs)
    sizes = {job: megapixels(job.source) for job in jobs}
    outcomes: list[Outcome] = []
    choices: dict[Path, Choice | None] = {}

    def note(opened):
        choices[opened.picture.path] = opened.choice
        tell(opened.picture.path, opened.picture.notes, opened.choice)

    stages = file_stages(upscaler, note=note, **options)
    with reporting(report, jobs, outcomes, sizes=sizes, choices=choices):
        try:
            with picture_bar(jobs, sizes) as (progress, count):

                def finished(outcome: Outcome) -> None:
                    count(outcome)
                    outcomes.append(outcome)
                    if outcome.status == "done":
                        # A plain print would end up inside the bar.
                        tqdm.write(str(outcome.job.target))

                upscale_all(jobs, stages, overwrite=existing == "replace", progress=progress, finished=finished)
        except KeyboardInterrupt:
            say_how_to_go_on(jobs, outcomes, existing=existing)
            raise
        return conclude(jobs, outcomes)
