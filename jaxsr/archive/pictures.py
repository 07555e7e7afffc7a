"""Upscaling of planned pictures by the replicas of a cluster, with progress, a summary and a report."""

import contextlib
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from jaxsr.archive.cluster import connected
from jaxsr.archive.plan import Task
from jaxsr.archive.replica import Answer, Replica, Settings
from jaxsr.archive.scratch import run_folder
from jaxsr.archive.store import Store, existing_places
from jaxsr.archive.stream import stream
from jaxsr.archive.transfer import check_writable, clear_abandoned
from jaxsr.errors import InputError
from jaxsr.upscaling.existing import list_jobs, refuse_existing
from jaxsr.upscaling.outcome import Outcome
from jaxsr.upscaling.report import conclude, reporting, say_how_to_go_on, tell


def upscale_archive(
    settings: Settings,
    tasks: Sequence[Task],
    destination: Store,
    *,
    dry_run: bool,
    report: Path | None,
    **cluster: Any,
) -> int:
    """Upscale an archive, with a progress bar and a summary on stderr and each result's name on stdout.

    Args:
      settings: settings of all replicas.
      tasks: the pictures.
      destination: folder of the results.
      dry_run: only list what would be done.
      report: file for a JSON report, or None.
      cluster: arguments of `jaxsr.archive.cluster.connected`.

    Returns:
      The exit code: 0, or 1 if a picture failed, as one does when the disk is full.

    Raises:
      InputError: results exist, the cluster is missing or too small, the only picture failed, results are missing in
        the destination, or the report cannot be written.
      KeyboardInterrupt: after the summary and the report.
      OSError: the destination cannot be written.
    """
    jobs = [task.job for task in tasks]
    there = existing_places(destination, [task.target for task in tasks])
    kept = {task.job for task in tasks if task.target in there}
    if dry_run:
        return list_jobs(jobs, existing=settings.existing, exists=kept.__contains__)
    if settings.existing == "refuse":
        refuse_existing(jobs, exists=kept.__contains__)
    check_writable(destination)
    outcomes, sizes, again, choices = {}, {}, [], {}
    if settings.existing == "keep":
        outcomes = {job: Outcome(job, "skipped", "existing", 0.0) for job in jobs if job in kept}
    left = [task for task in tasks if task.job not in outcomes]
    with reporting(report, jobs, outcomes, sizes=sizes, choices=choices):
        try:
            if left:
                with contextlib.closing(_stream(settings, left, cluster)) as answers:
                    for task, answer, repeated in answers:
                        job = task.job
                        outcomes[job] = Outcome(job, answer.status, answer.reason, answer.seconds)
                        sizes[job] = answer.megapixels
                        again += [task.target] if repeated else []
                        if answer.choice:
                            choices[job.source] = answer.choice
                            tell(job.source, (), answer.choice)
        except KeyboardInterrupt:
            say_how_to_go_on(jobs, outcomes, existing=settings.existing)
            raise
        finally:
            given_up = [task.target for task in left if task.job not in outcomes]
            # An error here must not hide why the run ended.
            with contextlib.suppress(OSError):
                clear_abandoned(destination, again + given_up)
        code = conclude(jobs, outcomes)
        written = [task.target for task in tasks if task.job in outcomes and outcomes[task.job].status != "failed"]
        _check_arrived(destination, written)
        return code


def _stream(settings, tasks, cluster):
    places = [(str(task.source), str(task.target)) for task in tasks]
    died = "two processes died while upscaling it; if memory was short, try a smaller --tile or more --cores"
    stdout = sys.stdout
    # Ray prints to stdout.
    with contextlib.redirect_stdout(sys.stderr), run_folder() as scratch, connected(**cluster) as replicas:
        settings = dataclasses.replace(settings, scratch=scratch)
        where = "a GPU" if replicas.cores is None else f"{replicas.cores} of a machine's cores"
        print(f"{replicas.count} × the network, each on {where}", file=sys.stderr)
        with tqdm(total=len(tasks), unit=" pictures", disable=None, smoothing=0.1) as bar:
            for number, answer, again in stream(Replica, (settings,), places, replicas, calls=3, unit="pictures"):
                task, answer = tasks[number], answer or Answer("failed", f"{tasks[number].job.source}: {died}")
                yield task, answer, again
                bar.update()
                if answer.status == "done":
                    tqdm.write(str(task.job.target), file=stdout)
                if answer.disk_full:
                    return


def _check_arrived(destination, written):
    """Check that the results are visible here. The destination could be a different folder on each machine."""
    missing = set(written) - existing_places(destination, written)
    if missing:
        raise InputError(
            f"{destination.name}: {len(missing)} results are missing here; give a folder that all machines of the "
            "cluster share"
        )
