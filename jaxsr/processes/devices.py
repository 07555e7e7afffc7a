"""The devices of a run, and the placement of its arrays on them, in one process or in many."""

import collections
import os
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxsr.errors import InputError


def split_cpu_into_devices(devices: int | None) -> None:
    """Make JAX see so many CPU devices, None for one per core. Call this before the first computation of JAX.

    XLA runs many of its loops on one thread, so a batch that is split over one device per core trains faster than one
    device with all cores. Accelerators stay as they are.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    jax.config.update("jax_num_cpu_devices", devices or cores)


def is_writer() -> bool:
    """Whether this process is the first one, which writes logs, pictures and weights."""
    return jax.process_index() == 0


def make_mesh(devices: int | None, *, batch_size: int) -> Mesh:
    """A mesh with the one axis "batch", its devices in the order of the processes.

    Args:
      devices: number of devices to use in each process; None for as many as divide the batch.
      batch_size: crops per update of all processes together.

    Raises:
      InputError: there are fewer devices than `devices`, the processes have different numbers of devices, or the batch
        does not divide among them.
    """
    of_process = collections.defaultdict(list)
    for device in jax.devices():
        of_process[device.process_index].append(device)
    processes, available = len(of_process), len(of_process[0])
    if any(len(each) != available for each in of_process.values()):
        raise InputError("the processes have different numbers of devices; start them on machines of one kind")
    if batch_size % processes:
        raise InputError(f"--batch-size {batch_size} does not divide among {processes} processes")
    share = batch_size // processes
    count = devices or max(n for n in range(1, available + 1) if share % n == 0)
    if not 1 <= count <= available:
        raise InputError(f"--devices {count}: this machine has {available}; choose 1 to {available}")
    if share % count:
        each = f" in each of {processes} processes" if processes > 1 else ""
        raise InputError(f"--batch-size {batch_size} does not divide among --devices {count}{each}; change one of them")
    chosen = [device for index in sorted(of_process) for device in of_process[index][:count]]
    return Mesh(np.array(chosen), ("batch",), axis_types=(AxisType.Auto,))


def replicated(tree: Any, mesh: Mesh) -> Any:
    """The whole tree on every device of the mesh, with the values of the first process. All must call it."""
    values = of_first_process(tree)
    return jax.make_array_from_process_local_data(NamedSharding(mesh, PartitionSpec()), values)


def sharded_batches(batches: Any, mesh: Mesh) -> Any:
    """Arrays [K, B, …] with the batch axis split over the mesh, from the part that this process has."""
    return jax.make_array_from_process_local_data(NamedSharding(mesh, PartitionSpec(None, "batch")), batches)


def connect(mesh: Mesh) -> None:
    """Open the channels between the processes of a mesh. All must call this within half a minute.

    Gloo, which connects CPUs, waits half a minute for the other processes at the first exchange, and without limit at
    later ones.
    """
    if jax.process_count() > 1:
        ones = np.ones(mesh.local_mesh.size, np.int32)
        spread = jax.make_array_from_process_local_data(NamedSharding(mesh, PartitionSpec("batch")), ones)
        jax.jit(_summed, out_shardings=NamedSharding(mesh, PartitionSpec()))(spread).block_until_ready()


def gathered(values: np.ndarray | np.generic) -> np.ndarray:
    """The values that each process passes, as [processes, …]. All must call it."""
    if jax.process_count() == 1:
        return np.asarray(values)[None]
    return jax.device_get(_run_on_processes(_same, values))


def wait_for_all() -> None:
    """Wait until all processes have come here."""
    gathered(np.int32(0))


def of_first_process(tree: Any) -> Any:
    """The tree that the first process passes, in each process. All must call it, with the same shapes and dtypes."""
    if jax.process_count() == 1:
        return tree
    # A sum with zeros needs no more memory than the tree, however many processes there are.
    mine = tree if is_writer() else jax.tree.map(np.zeros_like, tree)
    return jax.device_get(_run_on_processes(_summed, mine))


def _run_on_processes(function, tree):
    """Apply a function to the trees of all processes, stacked along a first axis. Each process gets the result."""
    firsts = {device.process_index: device for device in reversed(jax.devices())}
    mesh = Mesh(np.array([firsts[index] for index in sorted(firsts)]), ("process",), axis_types=(AxisType.Auto,))
    rows = jax.tree.map(lambda leaf: np.asarray(leaf)[None], tree)
    spread = jax.make_array_from_process_local_data(NamedSharding(mesh, PartitionSpec("process")), rows)
    return jax.jit(function, out_shardings=NamedSharding(mesh, PartitionSpec()))(spread)


def _same(tree):
    return tree


def _summed(tree):
    return jax.tree.map(lambda leaf: leaf.sum(axis=0, dtype=leaf.dtype), tree)
