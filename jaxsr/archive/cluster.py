"""A Ray cluster, replicas on it, and a stream of pictures through them that survives the loss of machines."""

import logging
import math
import os
import pickle
import signal
import socket
import warnings
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import ray
import ray.data
from ray.data import ActorPoolStrategy
from ray.exceptions import RayError

from jaxsr.archive.replica import Answer, Replica, Settings
from jaxsr.errors import InputError, first_line

# An archive is divided into about this many calls. Ray lists all calls, and reports a call's results when it ends.
_CALLS = 10_000
_MOST_PER_CALL = 16
_DEFAULT_CORES = 4


@dataclass(frozen=True)
class Replicas:
    """The replicas on a cluster.

    Attributes:
      count: number of replicas.
      cores: CPU cores of each; None if each has a GPU.
    """

    count: int
    cores: int | None


@contextmanager
def connected(address: str | None, *, workers: int | None, cores: int | None) -> Generator[Replicas]:
    """Connect to a Ray cluster, or start one on this machine that ends with the context.

    Call it in the main thread, which handles signals: what SIGTERM does stays as it was.

    Args:
      address: host:port, "auto" for the cluster that runs on this machine, or "local" for a new one. None is
        RAY_ADDRESS if that is set, otherwise "local".
      workers: see `fitting_replicas`.
      cores: see `fitting_replicas`.

    Yields:
      The replicas for which it has room.

    Raises:
      InputError: no cluster answers at the address, or there is no room for a replica.
    """
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    # Ray reserves a third of the memory for its object store by default. Only file names enter it here, never pictures.
    before = signal.getsignal(signal.SIGTERM)
    new: dict[str, Any] = {"object_store_memory": 10**8, "include_dashboard": False} if address == "local" else {}
    try:
        _knock(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **new)
        # Ray's own handler prints a trace of its C++, and nothing is cleaned up.
        signal.signal(signal.SIGTERM, before)
    # Ray raises a bare Exception where a node does not start in time.
    except Exception as error:
        raise InputError(f"no Ray cluster at {address}: {first_line(error)}") from error
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    try:
        yield fitting_replicas(workers=workers, cores=cores)
    finally:
        ray.shutdown()


def _knock(address):
    """Raise `OSError` at once if nothing listens at the address. Ray itself would take minutes."""
    host, separator, port = address.rpartition(":")
    if separator and port.isdecimal():
        socket.create_connection((host.removeprefix("ray://"), int(port)), timeout=10).close()


def fitting_replicas(*, workers: int | None, cores: int | None) -> Replicas:
    """The replicas for which the connected cluster has room.

    Args:
      workers: largest number of replicas; None for all that fit.
      cores: CPU cores of each. None: one GPU each if there are GPUs, otherwise up to 4 cores.

    Raises:
      InputError: there is no room for a replica.
    """
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus = sum(int(machine.get("GPU", 0)) for machine in machines)
    cpus = [int(machine.get("CPU", 0)) for machine in machines]
    if cores is None and gpus:
        return Replicas(min(gpus, workers or gpus), None)
    # Machines without cores are left out; the head of a cluster is often one.
    cores = cores or min([_DEFAULT_CORES, *(count for count in cpus if count)])
    room = sum(count // cores for count in cpus)
    if not room:
        raise InputError(f"the cluster has no machine with {cores} cores: the largest has {max(cpus, default=0)}")
    return Replicas(min(room, workers or room), cores)


def resources(replicas: Replicas) -> dict[str, Any]:
    """Ray's options for a replica."""
    if replicas.cores is None:
        return {"num_gpus": 1}
    # XLA reads the number of cores from NPROC.
    limits = {"NPROC": str(replicas.cores), "VIPS_CONCURRENCY": str(replicas.cores), "JAX_PLATFORMS": "cpu"}
    return {"num_cpus": replicas.cores, "runtime_env": {"env_vars": limits}}


def stream(settings: Settings, rows: dict[int, dict[str, Any]], replicas: Replicas) -> Iterator[Answer]:
    """Upscale pictures on the replicas. Only names are yielded and held in memory, never pictures.

    When a machine or process dies, other replicas get its pictures, one at a time. A picture whose replica dies again
    counts as failed.

    Args:
      settings: settings of all replicas.
      rows: arguments of `Replica` for each picture, by number.
      replicas: the replicas.

    Yields:
      The answer for each picture, once and in any order.

    Raises:
      InputError: the replicas cannot start.
    """
    left, alone = dict(rows), False
    while left:
        before = len(left)
        for row in _one_pass(settings, list(left.values()), replicas, alone=alone):
            answer = pickle.loads(row["answer"])
            if left.pop(answer.number, None) is not None:
                yield replace(answer, again=alone)
        if left and alone and len(left) == before:
            break
        if left:
            warnings.warn(f"a process or machine died; others get the {len(left)} pictures that are left", stacklevel=2)
        # One picture at a time, so that a picture that kills its replica does not take others with it.
        alone = True
        replicas = fitting_replicas(workers=replicas.count, cores=replicas.cores) if left else replicas
    for number in left:
        reason = "two processes died while upscaling it; if memory was short, try a smaller --tile or more --cores"
        yield Answer(number, "failed", reason, again=True)


def _one_pass(settings, rows, replicas, *, alone):
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1
    per_call = 1 if alone else max(1, min(_MOST_PER_CALL, len(rows) // _CALLS))
    calls = 1 if alone else 3
    pool = ActorPoolStrategy(
        size=min(replicas.count, len(rows)),
        max_concurrent_calls_per_actor=calls,
        max_tasks_in_flight_per_actor=1 if alone else 2 * calls,
        enable_true_multi_threading=True,
    )
    with warnings.catch_warnings():
        # The deprecated argument sets `max_task_retries`, and there is no other way yet. With retries, Ray holds back
        # the pictures of a dead replica until there is room to start it again, possibly forever.
        warnings.filterwarnings("ignore", message="`ray_remote_args` is deprecated")
        results = ray.data.from_items(rows, override_num_blocks=math.ceil(len(rows) / per_call)).map(
            # ray.data accepts a class whose instances are called with rows; its stubs do not say so.
            Replica,  # ty: ignore[invalid-argument-type]
            fn_constructor_args=(settings,),
            compute=pool,
            max_task_retries=0,
            **resources(replicas),
        )
    try:
        yield from results.iter_rows()
    except RayError as error:
        # The lines before it are Ray's trace.
        cause = str(error).strip().splitlines()[-1].strip()
        raise InputError(f"the replicas cannot start: {cause}") from error
