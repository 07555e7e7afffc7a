"""The pictures of an archive to upscale, and the place of each result."""

from dataclasses import dataclass
from pathlib import Path

from jaxsr.archive.store import Store, find_pictures
from jaxsr.upscaling.plan import Job, Source, name_results, require_apart, without_results


@dataclass(frozen=True)
class Task:
    """A picture of an archive.

    Attributes:
      job: names of the picture and its result, as shown to the user.
      source: place of the picture in the source.
      target: place of its result in the destination.
    """

    job: Job
    source: Path
    target: Path


def plan_archive(
    source: Store, destination: Store, *, label: str, recursive: bool = False, suffix: str = ".png"
) -> list[Task]:
    """One task for each picture. Results are named as `jaxsr.upscaling.plan.plan` names those of one folder.

    Only names are held in memory.

    Args:
      source: the folder of pictures.
      destination: the folder of results. If it lies in the source, its pictures are left out.
      label: end of the results' names, such as "x4".
      recursive: include the pictures in subfolders.
      suffix: suffix of the results.

    Raises:
      InputError: there is no such folder, it has no pictures, or a result would replace a source or another result.
      OSError: the folder cannot be listed.
    """
    here, there = source.key(), destination.key()
    places = find_pictures(source, recursive=recursive, apart_from=destination)
    sources = [Source(here / place, place, False) for place in places]
    jobs = without_results(sources, name_results(sources, there, label=label, suffix=suffix))
    require_apart(jobs)
    pairs = [(Path(job.source).relative_to(here), Path(job.target).relative_to(there)) for job in jobs]
    return [Task(Job(source.label(place), destination.label(target)), place, target) for place, target in pairs]
