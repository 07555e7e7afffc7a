"""How the processes of one run find each other, and part."""

from typing import NamedTuple

import jax

from jaxsr.errors import InputError

# Seconds without a sign of life after which JAX gives up on a process.
HEARTBEAT = 30


class Cluster(NamedTuple):
    """Which processes make up a run; what is None is found out by JAX: SLURM, Open MPI, Kubernetes, Cloud TPU.

    Attributes:
      coordinator: HOST:PORT on which process 0 listens.
      count: processes in all.
      index: of this one, from 0.
    """

    coordinator: str | None = None
    count: int | None = None
    index: int | None = None


def join(cluster: Cluster) -> None:
    """Meet the other processes; to be called before JAX's first computation. Waits for them for up to five minutes.

    Raises:
      InputError: nothing says where they are, or they cannot be reached.
    """
    # It would take SIGTERM for itself; the loop listens to it.
    jax.config.update("jax_enable_preemption_service", False)
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    try:
        jax.distributed.initialize(*cluster, heartbeat_timeout_seconds=HEARTBEAT)
    except ValueError as error:
        raise InputError(
            "--distributed: give --coordinator HOST:PORT, --process-count and --process-index, or start the processes "
            f"by SLURM, Open MPI or another launcher that JAX knows ({_first_line(error)})"
        ) from error
    except RuntimeError as error:
        raise InputError(f"--distributed: the processes did not find each other ({_first_line(error)})") from error


def leave() -> None:
    """Wait for the other processes to be done too."""
    jax.distributed.shutdown()


def _first_line(error):
    return (str(error).splitlines() or [type(error).__name__])[0]
