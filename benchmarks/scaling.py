"""Weak scaling of an SRResNet update: the same number of crops per device, on more and more devices and processes.

    python benchmarks/scaling.py [--json FILE]

Simulated devices share this machine's cores. Processes have one core each and communicate over the loopback; there are
at most as many as cores. The exchanges are counted in the compiled program, compared with the formula of
docs/scaling.md and timed alone. The model's time for an update is the time of its crops, taken from the smallest number
of devices that uses all cores, plus the time of the exchanges.
"""

import dataclasses
import json
import math
import os
import re
import socket
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import optax
import tyro
from comparison import CORES, in_turns, photo_crops, write_json
from jax.sharding import NamedSharding, PartitionSpec

from jaxsr.errors import InputError, reported
from jaxsr.models import SRResNet
from jaxsr.models.initialisation import initialise
from jaxsr.processes.devices import connect, gathered, make_mesh, replicated, sharded_batches
from jaxsr.processes.distributed import Cluster, join
from jaxsr.training.state import create_state
from jaxsr.training.steps import compile_steps, make_pixel_step


@dataclasses.dataclass(frozen=True)
class Options:
    """What to measure."""

    devices: tuple[int, ...] = (1, 2, 4, 8)
    """Numbers of simulated devices."""
    rounds: int = 5
    """Timed updates of each."""
    crops: int = 2
    """Crops per device and update."""
    crop: int = 96
    """Side of the HR crops, in pixels."""
    json: Path | None = None
    """Write the figures here too."""
    place: tuple[str, int, int] | None = None
    """Used only for processes that this program starts: coordinator, count, index."""


def programs(options: Options, devices: int) -> tuple[dict, list[int]]:
    """Functions to time, an update and its exchanges alone, and the bytes of each exchange."""
    mesh = make_mesh(devices, batch_size=options.crops * devices * jax.process_count())
    connect(mesh)
    optimizer = optax.adam(1e-4)
    run_steps = compile_steps(make_pixel_step(SRResNet(), optimizer, seed=0))
    variables = initialise(jax.random.key(0), SRResNet(), initialisation="paper")
    state = replicated(create_state(variables, optimizer, ema=False), mesh)
    batch = sharded_batches(photo_crops(options.crops * devices, options.crop, seed=0)[None], mesh)
    compiled = run_steps.lower(state, batch).compile()
    sizes = exchanged(compiled.as_text())

    def update():
        nonlocal state
        state, metrics = compiled(state, batch)
        return float(metrics["loss"][0])

    small, large = (
        sharded_batches(np.ones((1, devices, size), np.float32), mesh)[0] for size in (128, max(sizes) // 4)
    )
    split, whole = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in (("batch",), ()))

    @jax.jit
    def exchange(small, large):
        # One after the other, as the batch norms make them.
        for _ in range(len(sizes) - 1):
            total = jax.lax.with_sharding_constraint(small.sum(axis=0), whole)
            small = jax.lax.with_sharding_constraint(0.5 * small + total, split)
        return small.sum(), jax.lax.with_sharding_constraint(large.sum(axis=0), whole)[0]

    if mesh.size == 1:
        return {"update": update, "exchange": lambda: None}, []
    return {"update": update, "exchange": lambda: jax.device_get(exchange(small, large))}, sizes


def exchanged(program: str) -> list[int]:
    """Bytes of each float32 all-reduce in the text of a compiled program, or [4] if there is none."""
    results = re.findall(r"= (.*?) all-reduce(?:-start)?\(", program)
    shapes = [re.findall(r"f32\[([\d,]*)\]", result) for result in results]
    sums = [4 * sum(math.prod(map(int, filter(None, shape.split(",")))) for shape in each) for each in shapes]
    return sums or [4]


def by_the_formula() -> int:
    """Bytes of an update: the gradients and the loss, and two sums of each batch norm, forward and backward.

    One of the two backward sums is the gradient of the batch norm's bias, so it is not counted twice.
    """
    variables = jax.eval_shape(lambda: initialise(jax.random.key(0), SRResNet(), initialisation="paper"))
    parameters, sums = (
        sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(variables[part])) for part in ("params", "batch_stats")
    )
    return 4 * (parameters + 1 + sums + sums - sums // 2)


def worker(options: Options) -> None:
    """One of several processes, on its own core. The first one prints its seconds."""
    coordinator, count, index = options.place
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[index]})
    jax.config.update("jax_num_cpu_devices", 1)
    if count > 1:
        join(Cluster(coordinator, count, index))
    gathered(np.int32(0))
    timed, sizes = programs(options, 1)
    seconds = in_turns(timed, rounds=options.rounds)
    if index == 0:
        print(json.dumps({"seconds": seconds, "sizes": sizes}))


def in_processes(options: Options, count: int) -> dict:
    """Run `count` processes and return their figures."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    line = [sys.executable, __file__, "--rounds", str(options.rounds), "--crops", str(options.crops)]
    line += ["--crop", str(options.crop), "--place", f"127.0.0.1:{port}", str(count)]
    started = [subprocess.Popen([*line, str(i)], stdout=subprocess.PIPE, text=True) for i in range(count)]
    try:
        first, *_ = [process.communicate(timeout=600)[0] for process in started]
    finally:
        for process in started:
            process.kill()
    if any(process.returncode for process in started):
        raise InputError(f"one of {count} processes failed, see above")
    return json.loads(first.splitlines()[-1])


def rows(options: Options) -> Iterator[dict]:
    """Yield the rows of the table."""
    timed, sizes = {}, {}
    for count in options.devices:
        functions, sizes[count] = programs(options, count)
        timed |= {(count, what): function for what, function in functions.items()}
    seconds = {key: statistics.median(times) for key, times in in_turns(timed, rounds=options.rounds).items()}
    base = min((count for count in options.devices if count >= CORES), default=max(options.devices))
    per_device = (seconds[base, "update"] - seconds[base, "exchange"]) / base
    for count in options.devices:
        update, exchange = (seconds[count, what] for what in ("update", "exchange"))
        yield _row("devices", count, update, exchange, count * per_device + exchange, sizes[count])
    alone = None
    for count in sorted({1, 2, CORES} & set(range(1, CORES + 1))):
        measured = in_processes(options, count)
        update, exchange = (statistics.median(measured["seconds"][what]) for what in ("update", "exchange"))
        alone = alone or update
        yield _row("processes", count, update, exchange, alone + exchange, measured["sizes"])


def _row(kind, count, update, exchange, model, sizes):
    times = {"update": update, "exchange": exchange, "model": model}
    return {"kind": kind, "count": count, **times, "exchanges": len(sizes), "bytes": sum(sizes)}


def main(options: Options) -> None:
    if options.place:
        return worker(options)
    jax.config.update("jax_num_cpu_devices", max(options.devices))
    print(
        f"{CORES} cores, load {os.getloadavg()[0]:.1f}; {options.crops} crops of {options.crop}² per device and update"
    )
    print(f"exchanged by the formula: {by_the_formula():,} bytes")
    results = []
    for row in rows(options):
        results.append(row)
        print(
            f"{row['count']:3} {row['kind']:<9} {row['update']:7.3f} s an update, by the model {row['model']:7.3f} s; "
            f"{options.crops * row['count'] / row['update']:6.2f} crops/s; {row['exchanges']:2} exchanges of "
            f"{row['bytes']:,} bytes, alone {1e3 * row['exchange']:.1f} ms",
            flush=True,
        )
    write_json(options.json, {"formula": by_the_formula(), "results": results})


if __name__ == "__main__":
    with reported():
        main(tyro.cli(Options, description=__doc__))
