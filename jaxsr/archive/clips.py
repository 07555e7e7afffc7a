"""A clip by several replicas, each given segment after segment."""

import contextlib
import sys
import warnings
from collections import deque
from collections.abc import Iterator
from typing import Any

import ray
from tqdm import tqdm

from jaxsr.archive.cluster import Layout, check_counts, connected, lay_out, resources
from jaxsr.errors import InputError
from jaxsr.upscaling import load
from jaxsr.upscaling.claim import claimed
from jaxsr.upscaling.command import Existing, list_jobs
from jaxsr.upscaling.compiled import keep_compiled
from jaxsr.upscaling.folder import has_result, refuse_existing
from jaxsr.upscaling.plan import Job
from jaxsr.video.command import tell
from jaxsr.video.files import Planned, Wishes, finish, plan_clip
from jaxsr.video.pipeline import enlarger, upscale_segments
from jaxsr.video.segments import Segment


def run(
    job: Job,
    model: str,
    options: dict[str, Any],
    wishes: Wishes,
    *,
    existing: Existing,
    dry_run: bool,
    cache: bool,
    address: str | None,
    workers: int | None,
    cores: int | None,
) -> int:
    """Upscale a clip, with a progress bar on stderr and the result's path on stdout; 0.

    All machines see the clip and the folder of the result by these paths.

    Args:
      job: the clip.
      model: see `jaxsr.load`; a path is one of every machine.
      options: of `jaxsr.load`.
      wishes: of the result.
      existing: what is done about a result that exists.
      dry_run: only list what would be done.
      cache: keep compiled programs.
      address: see `jaxsr.archive.cluster.connected`.
      workers: see `jaxsr.archive.cluster.lay_out`.
      cores: likewise.

    Raises:
      InputError: see `plan_clip`, `connected` and `lay_out`; another process is at work on the clip, or all replicas
        died.
      OSError: the result cannot be written.
    """
    check_counts(workers=workers, cores=cores)
    if dry_run:
        return list_jobs([job], existing=existing)
    if existing == "refuse":
        refuse_existing([job])
    if existing == "keep" and has_result(job):
        return 0
    stdout, source, target = sys.stdout, job.source.absolute(), job.target.absolute()
    # Ray starts its processes by fork and exec, of which JAX warns whatever follows the fork.
    warnings.filterwarnings("ignore", message="os.fork", category=RuntimeWarning)
    with claimed(target) as mine, contextlib.redirect_stdout(sys.stderr):
        if not mine:
            raise InputError(f"{target}: another process is at work on it; wait for it or stop it")
        planned = plan_clip(load(model, **options), source, target, wishes, anew=existing == "replace")
        tell(planned)
        if planned.left:
            with connected(address), tqdm(total=len(planned.clip.times), unit=" frames", disable=None) as bar:
                bar.update(bar.total - sum(segment.frames for segment in planned.left))
                layout = lay_out(workers=workers, cores=cores)
                for segment in _upscaled(planned, model, options, layout, cache):
                    bar.update(segment.frames)
        finish(planned)
    print(job.target, file=stdout)
    return 0


class _Replica:
    """The network in a process of the cluster."""

    def __init__(self, planned, model, options, cache):
        if cache:
            keep_compiled()
        self._planned = planned
        self._enlarge = enlarger(load(model, **options), planned.clip, planned.encoding)

    def upscale(self, segment):
        planned = self._planned
        upscale_segments(planned.clip, [segment], self._enlarge, planned.encoding, planned.folder)


def _upscaled(planned: Planned, model, options, layout: Layout, cache) -> Iterator[Segment]:
    """The segments that are left, as they are finished; what a dead replica had is given to another."""
    if planned.choice is not None:
        model, options = planned.choice.model, {name: value for name, value in options.items() if name != "sharp"}
    left = deque(planned.left)
    kind = ray.remote(_Replica).options(**resources(layout))
    alike = planned._replace(upscaler=None)
    idle = [kind.remote(alike, model, options, cache) for _ in range(min(layout.count, len(left)))]
    busy = {}
    while left or busy:
        while left and idle:
            replica, segment = idle.pop(), left.popleft()
            busy[replica.upscale.remote(segment)] = replica, segment
        if not busy:
            raise InputError(f"{planned.clip.path}: all replicas died; memory may be short (--tile, --cores)")
        (ended,), _ = ray.wait(list(busy))
        replica, segment = busy.pop(ended)
        try:
            ray.get(ended)
        except ray.exceptions.RayActorError:
            left.appendleft(segment)
            tqdm.write(f"a process or machine died; segment {segment.number} is given to another", file=sys.stderr)
        except ray.exceptions.RayTaskError as error:
            raise error.cause from error
        else:
            idle.append(replica)
            yield segment
