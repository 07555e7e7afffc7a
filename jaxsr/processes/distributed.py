"""How the processes of one run meet."""

from typing import NamedTuple

import jax

from jaxsr.errors import InputError, first_line

# Seconds without a heartbeat after which JAX considers a process lost.
_HEARTBEAT = 30


class Cluster(NamedTuple):
    """The processes that make up a run. JAX finds what is None, from SLURM, Open MPI, Kubernetes or Cloud TPU.

    Attributes:
      coordinator: HOST:PORT on which process 0 listens.
      count: number of processes.
      index: index of this process, from 0.
    """

    coordinator: str | None = None
    count: int | None = None
    index: int | None = None


def join(cluster: Cluster) -> None:
    """Meet the other processes, and wait up to five minutes for them. Call this before JAX's first computation.

    Raises:
      InputError: it is unknown where the other processes are, or they cannot be reached.
    """
    if cluster.coordinator is not None:
        host, _, port = cluster.coordinator.rpartition(":")
        if not (host and port.isascii() and port.isdecimal() and 0 < int(port) < 2**16):
            raise InputError(f"--coordinator {cluster.coordinator}: give HOST:PORT, such as node1:1234")
    # JAX's service would take SIGTERM, which the training loop handles.
    jax.config.update("jax_enable_preemption_service", False)
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    try:
        jax.distributed.initialize(*cluster, heartbeat_timeout_seconds=_HEARTBEAT)
    except ValueError as error:
        raise InputError(
            "--distributed: give --coordinator HOST:PORT, --process-count and --process-index, or start the processes "
            f"with SLURM, Open MPI or another launcher that JAX knows ({first_line(error)})"
        ) from error
    except RuntimeError as error:
        raise InputError(
            "--distributed: the processes did not find each other; check --coordinator and start all of "
            f"them within five minutes ({first_line(error)})"
        ) from error
