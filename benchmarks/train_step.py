"""One update of SRResNet with its pixel loss, in jaxsr and in PyTorch.

    python benchmarks/train_step.py [--losses 200] [--updates 50] [--degradation real] [--json FILE]

An update has 16 crops of 96×96, 24×24 in LR: forward, backward, Adam. jaxsr's time includes sending uint8 crops to the
devices, augmentation and degradation; PyTorch gets LR and HR ready-made. PyTorch uses channels_last and fused Adam,
with one thread per core, or the GPU if JAX has one. Both start from the same weights, and their losses are compared
first.

With --updates, each call makes that many updates: in one dispatch in jaxsr, and without waiting in between in PyTorch.
With --degradation, jaxsr is timed a second time with it, and the time that it adds is printed.
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tyro
from comparison import (
    Seconds,
    channels_last,
    counted_flops,
    in_turns,
    photo_crops,
    pytorch,
    report,
    report_rates,
    require_equal,
)

from jaxsr.config import Degradation
from jaxsr.data.augmentation import augment
from jaxsr.data.degradation import make_degradation, margin
from jaxsr.data.degradation.bicubic import bicubic_pair
from jaxsr.errors import reported
from jaxsr.models import SRResNet
from jaxsr.models.initialisation import initialise
from jaxsr.processes.devices import make_mesh, replicated, sharded_batches, split_cpu_into_devices
from jaxsr.processes.memory import restart_with_huge_pages
from jaxsr.training.state import create_state
from jaxsr.training.steps import compile_steps, make_pixel_step

RATE = 1e-4


@dataclasses.dataclass(frozen=True)
class UpdateOptions:
    """What to measure."""

    rounds: int = 5
    """Timed calls of each program."""
    losses: int = 3
    """Calls before the timing, whose losses are compared."""
    updates: int = 1
    """Updates in one call."""
    batch_size: int = 16
    """Crops per update."""
    crop: int = 96
    """Side of the HR crops, in pixels."""
    dtypes: tuple[str, ...] = ("float32", "bfloat16")
    """Dtypes of computation. PyTorch's bfloat16 is autocast."""
    devices: int | None = None
    """Devices of jaxsr (None: one per CPU core)."""
    json: Path | None = None
    """Write the figures here too."""


@dataclasses.dataclass(frozen=True)
class Options(UpdateOptions):
    """What to measure."""

    degradation: Degradation = "bicubic"
    """Degradation of the second timing of jaxsr (bicubic: none)."""


def our_steps(dtype: str, variables: dict, options: Options, *, degradation: str = "bicubic"):
    """Two functions of uint8 crops [updates, B, …].

    The first makes the updates and returns the loss of each. The second counts the FLOP of an update.
    """
    optimizer, mesh = optax.adam(RATE), make_mesh(options.devices, batch_size=options.batch_size)
    degrade = make_degradation(degradation, scale=4)
    step = make_pixel_step(SRResNet(dtype=jnp.dtype(dtype)), optimizer, seed=0, degrade=degrade)
    run_steps = compile_steps(step)
    state = replicated(create_state(variables, optimizer, ema=False), mesh)

    def steps(crops):
        nonlocal state
        state, metrics = run_steps(state, sharded_batches(crops, mesh))
        return np.asarray(metrics["loss"]).tolist()

    return steps, lambda crops: counted_flops(step, state, crops[0])


def their_steps(dtype: str, variables: dict):
    """A function that makes an update for each pair of LR and HR and returns the losses."""
    torch, torch_twins = pytorch()
    twin = torch_twins.load(torch_twins.SRResNet(), variables).to(memory_format=torch.channels_last).train()
    adam = torch.optim.Adam(twin.parameters(), RATE, fused=True)

    def step(low, high):
        with torch.autocast(torch.get_default_device().type, torch.bfloat16, enabled=dtype == "bfloat16"):
            prediction = twin(low)
        loss = torch.nn.functional.mse_loss(prediction.float(), high)
        adam.zero_grad()
        loss.backward()
        adam.step()
        return loss.detach()

    return lambda pairs: [loss.item() for loss in [step(*pair) for pair in pairs]]


def pairs_of(crops: np.ndarray, *, first: int) -> list:
    """PyTorch's pairs for crops [updates, B, …] of the updates from number `first` on."""
    return [tuple(map(channels_last, pair(first + i, batch))) for i, batch in enumerate(crops)]


@jax.jit
def pair(number, crops):
    """LR and HR as jaxsr's step makes them in the update of that number."""
    return bicubic_pair(augment(jax.random.fold_in(jax.random.key(0), number), crops), scale=4)


def main(options: Options) -> None:
    split_cpu_into_devices(options.devices)
    variables = initialise(jax.random.key(0), SRResNet(), initialisation="paper")
    variables = jax.tree.map(np.asarray, variables)

    def programs(dtype):
        return *our_steps(dtype, variables, options), their_steps(dtype, variables)

    degradation, degraded = options.degradation, {}
    if degradation != "bicubic":
        crops = photo_batches(options, options.crop + 2 * margin(degradation, scale=4), seed=0)
        for dtype in options.dtypes:
            steps, _ = our_steps(dtype, variables, options, degradation=degradation)
            degraded[f"{dtype}, degraded"] = partial(steps, crops)
    seconds = compare_updates("SRResNet", programs, options, within=(0.01, 0.03), more=degraded)
    for dtype in options.dtypes if degraded else ():
        whole, plain = (float(np.median(seconds[name])) for name in (f"{dtype}, degraded", f"jaxsr {dtype}"))
        print(f"  --degradation {degradation} adds {whole / plain - 1:.0%} to an update in {dtype}")


def compare_updates(
    network: str,
    programs: Callable[[str], tuple[Callable, Callable, Callable]],
    options: UpdateOptions,
    *,
    within: tuple[float, float],
    more: dict[str, Callable],
    count: int | None = None,
) -> Seconds:
    """Compare the losses of the first `count` updates (None: all), then time both programs in turns and report.

    Args:
      network: its name in the title.
      programs: for a dtype, our updates of crops, the count of an update's FLOP, and PyTorch's updates of pairs.
      options: what to measure.
      within: largest relative differences of the losses, in float32 and in other dtypes.
      more: programs to time with them.
      count: number of updates.
    """
    timed, differences = {}, {}
    for dtype in options.dtypes:
        ours, flops, theirs = programs(dtype)
        losses = []
        for number in range(options.losses):
            crops = photo_batches(options, options.crop, seed=number)
            pairs = pairs_of(crops, first=number * options.updates)
            losses += zip(ours(crops), theirs(pairs), strict=True)
        bound = within[dtype != "float32"]
        differences[dtype] = require_equal(f"losses in {dtype}", *np.swapaxes(losses[:count], 0, 1), within=bound)
        timed |= {f"jaxsr {dtype}": partial(ours, crops), f"PyTorch {dtype}": partial(theirs, pairs)}
    seconds = in_turns(timed | more, rounds=options.rounds)
    amounts = {"updates": options.updates, "patches": options.updates * options.batch_size}
    rates = report_rates(seconds, amounts=amounts, flops=options.updates * flops(crops))
    title = f"{options.updates} {network} updates of {options.batch_size} crops of {options.crop}×{options.crop}"
    compared = {"loss_differences": differences, "losses_compared": len(losses[:count])}
    report(title, seconds, json_file=options.json, **compared, **rates)
    return seconds


def photo_batches(options: UpdateOptions, side: int, *, seed: int) -> np.ndarray:
    """Crops of the bundled photos, uint8 [updates, B, side, side, 3]."""
    crops = photo_crops(options.updates * options.batch_size, side, seed=seed)
    return crops.reshape(options.updates, options.batch_size, *crops.shape[1:])


if __name__ == "__main__":
    restart_with_huge_pages()
    with reported():
        main(tyro.cli(Options, description=__doc__))
