"""Which devices a run uses, and how its arrays lie on them, in one process or in many."""

import collections
import os
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxsr.errors import InputError


def split_cpu_into_devices(devices: int | None) -> None:
    """Make JAX see one CPU device per core (or as many as asked for); to be called before JAX's first computation.

    XLA hardly uses a second thread for many of its loops, so a batch split over one device per core trains 1.1 to 1.35
    times as fast as one device with all cores. Accelerators are not touched.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    jax.config.update("jax_num_cpu_devices", devices or cores)


def is_writer() -> bool:
    """Whether this process is the one that writes logs, pictures and weights."""
    return jax.process_index() == 0


def make_mesh(devices: int | None, *, batch_size: int) -> Mesh:
    """A one-axis mesh named "batch", in the order of the processes.

    Args:
      devices: how many to use of each process; None for as many as divide the batch.
      batch_size: crops per update, of all processes together.

    Raises:
      InputError: fewer devices than asked for, processes with different numbers of them, or a batch that does not
        divide among them.
    """
    of_process = collections.defaultdict(list)
    for device in jax.devices():
        of_process[device.process_index].append(device)
    processes, available = len(of_process), len(of_process[0])
    if any(len(each) != available for each in of_process.values()):
        raise InputError("the processes have different numbers of devices; start them on machines that are alike")
    if batch_size % processes:
        raise InputError(f"--batch-size {batch_size} does not divide among {processes} processes")
    share = batch_size // processes
    count = devices or max(n for n in range(1, available + 1) if share % n == 0)
    if not 1 <= count <= available:
        raise InputError(f"--devices {count}: this machine has {available}; choose 1 to {available}")
    if share % count:
        each = f" of each of {processes} processes" if processes > 1 else ""
        raise InputError(f"--batch-size {batch_size} does not divide among --devices {count}{each}; change one of them")
    chosen = [device for index in sorted(of_process) for device in of_process[index][:count]]
    return Mesh(np.array(chosen), ("batch",), axis_types=(AxisType.Auto,))


def replicated(tree: Any, mesh: Mesh) -> Any:
    """The whole tree on every device of the mesh; the first process's values."""
    values = of_first_process(tree)
    return jax.make_array_from_process_local_data(NamedSharding(mesh, PartitionSpec()), values)


def sharded_batches(batches: Any, mesh: Mesh) -> Any:
    """Arrays [K, B, …] with the batch axis split over the mesh, from this process's part of it."""
    return jax.make_array_from_process_local_data(NamedSharding(mesh, PartitionSpec(None, "batch")), batches)


def connect(mesh: Mesh) -> None:
    """Open the channels between the processes of a mesh; to be called by all within half a minute.

    Gloo, by which CPUs exchange, waits so long for the others at the first exchange, and without limit at later ones.
    """
    if jax.process_count() > 1:
        ones = np.ones(mesh.local_mesh.size, np.int32)
        spread = jax.make_array_from_process_local_data(NamedSharding(mesh, PartitionSpec("batch")), ones)
        jax.jit(_summed, out_shardings=NamedSharding(mesh, PartitionSpec()))(spread).block_until_ready()


def gathered(values: np.ndarray) -> np.ndarray:
    """[processes, …]: what each process calls this with. All must call it."""
    if jax.process_count() == 1:
        return np.asarray(values)[None]
    return jax.device_get(_run_on_processes(_same, values))


def of_first_process(tree: Any) -> Any:
    """What the first process calls this with, in each process. All must call it, with the same shapes and dtypes."""
    if jax.process_count() == 1:
        return tree
    # A sum with zeros needs no more memory than the tree, however many processes there are.
    mine = tree if is_writer() else jax.tree.map(np.zeros_like, tree)
    return jax.device_get(_run_on_processes(_summed, mine))


def _run_on_processes(function, tree):
    """A function of a tree with a first axis of processes; the result is whole in each process."""
    firsts = {device.process_index: device for device in reversed(jax.devices())}
    mesh = Mesh(np.array([firsts[index] for index in sorted(firsts)]), ("process",), axis_types=(AxisType.Auto,))
    rows = jax.tree.map(lambda leaf: np.asarray(leaf)[None], tree)
    spread = jax.make_array_from_process_local_data(NamedSharding(mesh, PartitionSpec("process")), rows)
    return jax.jit(function, out_shardings=NamedSharding(mesh, PartitionSpec()))(spread)


def _same(tree):
    return tree


def _summed(tree):
    return jax.tree.map(lambda leaf: leaf.sum(axis=0, dtype=leaf.dtype), tree)
