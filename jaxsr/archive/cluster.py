"""Ray: a cluster, replicas on it, and a stream of pictures through them that survives the loss of machines."""

import logging
import math
import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import ray
import ray.data
from ray.data import ActorPoolStrategy

from jaxsr.archive.replica import Replica, Work
from jaxsr.errors import InputError

# Of an archive's parts, each of which is one call: what a call did is told when it ends, and all calls are listed.
_CALLS = 10_000
_MOST_PER_CALL = 16
_DEFAULT_CORES = 4


@dataclass(frozen=True)
class Layout:
    """The replicas on a cluster.

    Attributes:
      count: how many.
      cores: CPU cores of each; None for a GPU each.
    """

    count: int
    cores: int | None


def check_counts(*, workers: int | None, cores: int | None) -> None:
    """Raise `InputError` if `lay_out` cannot take them."""
    for name, value in (("--workers", workers), ("--cores", cores)):
        if value is not None and value < 1:
            raise InputError(f"{name} {value}: must be at least 1")


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Connect to a Ray cluster, or start one of this machine that ends with the context.

    Args:
      address: host:port, "auto" for the one that runs on this machine, "local" for a new one; None for RAY_ADDRESS, or
        else a new one.

    Raises:
      InputError: no cluster answers there.
    """
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    # Pictures never enter Ray's store, only names do. Otherwise Ray would take a third of the memory for it.
    new = {"object_store_memory": 10**8, "include_dashboard": False} if address == "local" else {}
    try:
        _knock(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **new)
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(f"no Ray cluster at {address}: {str(error).strip().splitlines()[0]}") from error
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address):
    """Raise `OSError` if nobody listens there, for which Ray would take minutes."""
    host, separator, port = address.rpartition(":")
    if separator and port.isdecimal():
        socket.create_connection((host.removeprefix("ray://"), int(port)), timeout=10).close()


def lay_out(*, workers: int | None = None, cores: int | None = None) -> Layout:
    """The replicas that the connected cluster has room for.

    Args:
      workers: at most so many; None for all that fit.
      cores: CPU cores of each; None for a GPU each where there are any, or else up to 4 cores.

    Raises:
      InputError: there is room for none.
    """
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus = sum(int(machine.get("GPU", 0)) for machine in machines)
    cpus = [int(machine.get("CPU", 0)) for machine in machines]
    if cores is None and gpus:
        return Layout(min(gpus, workers or gpus), None)
    # A machine without cores, as that of a cluster's head often is, has no say.
    cores = cores or min([_DEFAULT_CORES, *(count for count in cpus if count)])
    room = sum(count // cores for count in cpus)
    if not room:
        raise InputError(f"the cluster has no machine with {cores} cores: the largest has {max(cpus, default=0)}")
    return Layout(min(room, workers or room), cores)


def resources(layout: Layout) -> dict[str, Any]:
    """Ray's options for a replica."""
    if layout.cores is None:
        return {"num_gpus": 1}
    # XLA takes NPROC for the number of cores.
    limits = {"NPROC": str(layout.cores), "VIPS_CONCURRENCY": str(layout.cores), "JAX_PLATFORMS": "cpu"}
    return {"num_cpus": layout.cores, "runtime_env": {"env_vars": limits}}


def stream(work: Work, rows: dict[int, dict[str, Any]], layout: Layout) -> Iterator[dict[str, Any]]:
    """Upscale pictures on the replicas; what is yielded and held is a few names, however many the pictures are.

    When a machine or process dies, the pictures that it had are given to the others. Where that does not help, it is
    taken for the pictures' own doing.

    Args:
      work: what all replicas are told.
      rows: what `Replica` takes for each picture, by number.
      layout: of the replicas.

    Yields:
      What `Replica` gives, for each picture once, in any order, and with it `again`: whether it was given to a replica
      more than once.

    Raises:
      InputError: the replicas cannot start.
    """
    left, alone = dict(rows), False
    while left:
        before = len(left)
        for outcome in _one_pass(work, list(left.values()), layout, alone=alone):
            if left.pop(outcome["number"], None) is not None:
                yield outcome | {"again": alone}
        if left and alone and len(left) == before:
            break
        if left:
            warnings.warn(f"a process or machine died; its {len(left)} pictures are given to others", stacklevel=2)
        # One call at a time, so that a picture that kills its replica takes no other with it.
        alone = True
        layout = lay_out(workers=layout.count, cores=layout.cores) if left else layout
    for number in left:
        reason = b"the process that upscaled it died, and so did the next; memory may be short (--tile, --cores)"
        yield {
            "number": number,
            "status": "failed",
            "reason": reason,
            "seconds": 0.0,
            "megapixels": math.nan,
            "disk_full": False,
            "again": True,
            "model": "",
            "why": "",
        }


def _one_pass(work, rows, layout, *, alone):
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1
    per_call = 1 if alone else max(1, min(_MOST_PER_CALL, len(rows) // _CALLS))
    calls = 1 if alone else 3
    pool = ActorPoolStrategy(
        size=min(layout.count, len(rows)),
        max_concurrent_calls_per_actor=calls,
        max_tasks_in_flight_per_actor=1 if alone else 2 * calls,
        enable_true_multi_threading=True,
    )
    with warnings.catch_warnings():
        # There is no other way yet to say it: without it Ray waits, for ever if need be, until there is room to start
        # a dead replica anew, with its pictures held back.
        warnings.filterwarnings("ignore", message="`ray_remote_args` is deprecated")
        results = ray.data.from_items(rows, override_num_blocks=math.ceil(len(rows) / per_call)).map(
            Replica, fn_constructor_args=(work,), compute=pool, max_task_retries=0, **resources(layout)
        )
    try:
        yield from results.iter_rows()
    except ray.exceptions.RayError as error:
        raise InputError(f"the replicas cannot start: {_last_words(error)}") from error


def _last_words(error):
    return [line for line in str(error).splitlines() if line.strip()][-1].strip()
