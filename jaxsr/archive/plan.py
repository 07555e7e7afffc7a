"""Which pictures of an archive are upscaled, and where each result goes."""

from dataclasses import dataclass
from pathlib import Path

from jaxsr.archive.store import Store, find_pictures
from jaxsr.upscaling.plan import Job, Source, name_results, require_apart, without_results


@dataclass(frozen=True)
class Task:
    """A picture of an archive.

    Attributes:
      job: what a person calls it and its result.
      source: its place in the source.
      target: the place of its result in the destination.
    """

    job: Job
    source: Path
    target: Path


def plan_archive(
    source: Store, destination: Store, *, label: str, recursive: bool = False, suffix: str = ".png"
) -> list[Task]:
    """What there is to do, with the names that `jaxsr.upscaling.plan.plan` gives to the results of one folder.

    Only names are held, however many the pictures are.

    Args:
      source: the folder of pictures.
      destination: the folder of results. Within the source it is no source itself.
      label: what the results' names end with, "x4".
      recursive: take the pictures in subfolders too.
      suffix: of the results.

    Raises:
      InputError: there is no such folder, it has no pictures, or a result would replace a source or another result.
      OSError: the folder cannot be listed.
    """
    here, there = source.key(), destination.key()
    places = find_pictures(source, recursive=recursive, apart_from=destination)
    sources = [Source(here / place, place, False) for place in places]
    jobs = without_results(sources, name_results(sources, there, label=label, suffix=suffix))
    require_apart(jobs)
    pairs = [(job.source.relative_to(here), job.target.relative_to(there)) for job in jobs]
    return [Task(Job(source.label(place), destination.label(target)), place, target) for place, target in pairs]
