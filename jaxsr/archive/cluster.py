"""A Ray cluster, and the replicas for which it has room."""

import logging
import os
import signal
import socket
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import ray

from jaxsr.errors import InputError, first_line

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
