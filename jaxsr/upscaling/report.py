"""Reports on the inputs of a run: in a few lines for a person, and as JSON for a program."""

import contextlib
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

from tqdm import tqdm

from jaxsr.errors import InputError
from jaxsr.files import nearest_existing, replacing
from jaxsr.upscaling.choice import Choice
from jaxsr.upscaling.existing import Existing
from jaxsr.upscaling.outcome import Outcome
from jaxsr.upscaling.plan import Job


def summary(jobs: Sequence[Job], outcomes: Mapping[Job, Outcome], *, kind: str = "pictures") -> str:
    """The failures, one per line in the order of the jobs, and a line of counts. Not all jobs need have an outcome.

    `kind` is what the jobs are, in the plural.
    """
    ended = [outcomes[job] for job in jobs if job in outcomes]
    failed = [outcome.reason for outcome in ended if outcome.status == "failed"]
    skipped = Counter(outcome.reason for outcome in ended if outcome.status == "skipped")
    why = f" ({', '.join(f'{count} {reason}' for reason, count in sorted(skipped.items()))})" if skipped else ""
    counts = [
        f"{len(ended) - len(failed) - skipped.total()} of {len(jobs)} {kind} upscaled",
        f"{skipped.total()} skipped{why}",
        f"{len(failed)} failed",
    ]
    left = len(jobs) - len(ended)
    counts += [f"{left} not begun or given up"] if left else []
    return "\n".join([*(f"error: {reason}" for reason in failed), ", ".join(counts)])


def conclude(jobs: Sequence[Job], outcomes: Mapping[Job, Outcome], *, kind: str = "pictures") -> int:
    """Print the summary, unless the only job is done. The arguments are those of `summary`.

    Returns:
      The exit code: 0, or 1 if a job failed.

    Raises:
      InputError: the only job failed.
    """
    statuses = {outcome.status for outcome in outcomes.values()}
    if len(jobs) == 1 and "failed" in statuses:
        raise InputError(outcomes[jobs[0]].reason)
    if len(jobs) > 1 or statuses != {"done"}:
        print(summary(jobs, outcomes, kind=kind), file=sys.stderr)
    return 1 if "failed" in statuses else 0


def say_how_to_go_on(jobs: Sequence[Job], outcomes: Mapping[Job, Outcome], *, existing: Existing) -> None:
    """Print the summary of pictures after Ctrl-C, and what the same command does then."""
    again = "begins again" if existing == "replace" else "goes on from here with --skip-existing"
    print(f"{summary(jobs, outcomes)}\nthe same command {again}", file=sys.stderr)


def remarks(notes: Sequence[str], choice: Choice | None) -> str:
    """The notes on an input, and the network if one was chosen for it; "" if there is nothing to say."""
    return "; ".join((*notes, *((f"by {choice}",) if choice else ())))


def tell(path: Path, notes: Sequence[str], choice: Choice | None) -> None:
    """Print `remarks` on an input to stderr, if there are any."""
    if said := remarks(notes, choice):
        # A plain print would end up inside the progress bar.
        tqdm.write(f"{path}: {said}", file=sys.stderr)


def check_report(path: Path | None) -> None:
    """Raise `InputError` if a report cannot be written to this path; None is no report.

    It is called before hours of work, after which it would be too late.
    """
    if path is None:
        return
    if path.suffix.lower() != ".json" or path.is_dir():
        raise InputError(f"--json {path}: give the report the name of a file in .json")
    try:
        with tempfile.TemporaryFile(dir=nearest_existing(path.parent)):
            pass
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path, error):
    return InputError(f"--json {path}: the report cannot be written there ({error.strerror or error})")


@contextlib.contextmanager
def reporting(
    path: Path | None,
    jobs: Sequence[Job],
    outcomes: Mapping[Job, Outcome],
    *,
    sizes: Mapping[Job, float | None],
    choices: Mapping[Path, Choice | None],
) -> Generator[None]:
    """Write a report when the context ends, whether its work succeeded or not.

    If both the work and the report fail, the error of the report is printed, and that of the work goes on.

    The report is {"counts": {status: number}, "pictures": [...]} with the pictures in the order of the jobs. Each has
    source, target, status (done, skipped, failed, or "left" if the run ended before it), reason (why it was skipped or
    failed, or what a clip that is done lacks, else null), seconds of work (null if left) and megapixels of input (null
    if unknown). If a network was chosen for it, it also has model and why.

    Args:
      path: the JSON file; None for no report.
      jobs: all jobs of the run.
      outcomes: the outcomes, known at the end of the context, as are sizes and choices.
      sizes: the megapixels of the inputs.
      choices: the networks that were chosen, by the path of the source.

    Raises:
      InputError: the report cannot be written.
    """
    try:
        yield
    except BaseException:
        try:
            _write(path, jobs, outcomes, sizes, choices)
        except InputError as error:
            print(f"error: {error}", file=sys.stderr)
        raise
    _write(path, jobs, outcomes, sizes, choices)


def _write(path, jobs, outcomes, sizes, choices):
    if path is None:
        return
    pictures = []
    for job in jobs:
        outcome, choice = outcomes.get(job), choices.get(job.source)
        pictures.append(
            {
                "source": str(job.source),
                "target": str(job.target),
                "status": outcome.status if outcome else "left",
                "reason": (outcome.reason or None) if outcome else None,
                "seconds": round(outcome.seconds, 3) if outcome else None,
                "megapixels": sizes.get(job),
                **({"model": choice.model, "why": choice.reason} if choice else {}),
            }
        )
    statuses = Counter(picture["status"] for picture in pictures)
    counts = {status: statuses[status] for status in ("done", "skipped", "failed", "left")}
    try:
        with replacing(path) as temporary:
            temporary.write_text(json.dumps({"counts": counts, "pictures": pictures}, indent=1) + "\n")
    except OSError as error:
        raise _unwritable(path, error) from error
