"""Upscaling of one clip by several replicas, segment by segment."""

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from jaxsr.archive.cluster import Replicas, connected
from jaxsr.archive.stream import stream
from jaxsr.errors import InputError
from jaxsr.upscaling import load
from jaxsr.upscaling.claim import claimed
from jaxsr.upscaling.compiled import keep_compiled
from jaxsr.upscaling.existing import Existing, refuse_existing
from jaxsr.upscaling.outcome import Outcome, identity, reason_to_skip
from jaxsr.upscaling.plan import Job
from jaxsr.upscaling.report import conclude, tell
from jaxsr.upscaling.upscaler import Upscaler
from jaxsr.video.clips import loss
from jaxsr.video.files import Planned, Wishes, finish, plan_clip
from jaxsr.video.pipeline import enlarger, upscale_segments
from jaxsr.video.segments import Segment, segment_file


def upscale_clip_on_cluster(
    job: Job,
    model: str,
    options: dict[str, Any],
    wishes: Wishes,
    *,
    existing: Existing,
    cache: bool,
    **cluster: Any,
) -> int:
    """Upscale a clip, with a progress bar on stderr and the result's path on stdout.

    The paths of the clip and of the result must be valid on all machines.

    Args:
      job: the clip.
      model: see `jaxsr.load`. A path must be valid on all machines.
      options: keyword arguments of `jaxsr.load`.
      wishes: what the user wants of the result.
      existing: what to do with a result that exists.
      cache: keep compiled programs.
      cluster: arguments of `jaxsr.archive.cluster.connected`.

    Returns:
      The exit code, 0.

    Raises:
      InputError: see `plan_clip` and `connected`; or a segment killed two processes, or is not seen here.
      OSError: the result cannot be written.
    """
    if existing == "refuse":
        refuse_existing([job])
    before = identity(job.target)
    stdout, source, target = sys.stdout, Path(job.source).absolute(), Path(job.target).absolute()
    # Ray starts processes by fork and exec. JAX warns of every fork, but only a fork without exec is a danger.
    warnings.filterwarnings("ignore", message="os.fork", category=RuntimeWarning)
    with claimed(target) as mine, contextlib.redirect_stdout(sys.stderr):
        if skip := reason_to_skip(job, before, mine, overwrite=existing == "replace"):
            return conclude([job], {job: Outcome(job, "skipped", skip, 0.0)}, kind="clips")
        planned = plan_clip(load(model, **options), source, target, wishes, anew=existing == "replace")
        tell(source, planned.clip.notes, planned.choice)
        if planned.left:
            total = len(planned.clip.times)
            with connected(**cluster) as replicas, tqdm(total=total, unit=" frames", disable=None) as bar:
                bar.update(total - sum(segment.frames for segment in planned.left))
                for segment in _upscaled(planned, model, options, replicas, cache):
                    bar.update(segment.frames)
        if lost := loss(planned, finish(planned)):
            print(f"{planned.clip.path}: {lost}", file=sys.stderr)
    print(job.target, file=stdout)
    return 0


class _ClipReplica:
    """The network in one process of the cluster."""

    def __init__(self, clip, encoding, folder, model, options, cache):
        if cache:
            keep_compiled()
        self._clip, self._encoding, self._folder = clip, encoding, folder
        upscaler = load(model, **options)
        # The driver has replaced auto by the network that it chose.
        assert isinstance(upscaler, Upscaler), model
        self._enlarge = enlarger(upscaler, clip, encoding)

    def __call__(self, segment):
        """The number of frames that the segment's file has."""
        return upscale_segments(self._clip, [segment], self._enlarge, self._encoding, self._folder).frames


def _upscaled(planned: Planned, model, options, replicas: Replicas, cache) -> Iterator[Segment]:
    """Yield the segments that are left, as each is finished."""
    if planned.choice is not None:
        model, options = planned.choice.model, {name: value for name, value in options.items() if name != "sharp"}
    left, arguments = planned.left, (planned.clip, planned.encoding, planned.folder, model, options, cache)
    # One segment at a time, since each takes all of a replica's cores.
    for number, frames, _ in stream(_ClipReplica, arguments, left, replicas, calls=1, unit="segments"):
        segment = left[number]
        if frames is None:
            raise InputError(
                f"{planned.clip.path}: two processes died while upscaling segment {segment.number}; if memory was "
                "short, try a smaller --tile or more --cores"
            )
        # Listed, since network file systems remember for a while that a file was not there.
        if frames and segment_file(planned.folder, segment.number).name not in os.listdir(planned.folder):
            raise InputError(
                f"{planned.folder}: segment {segment.number} is missing here; give the result a folder that all "
                "machines of the cluster share"
            )
        yield segment
