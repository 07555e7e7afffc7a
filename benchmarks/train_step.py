"""One update of SRResNet by its pixel loss, here and in PyTorch.

    python benchmarks/train_step.py [--losses 200] [--json FILE]

16 crops of 96×96, 24×24 in LR; forward, backward, Adam. Ours includes augmentation and degradation from uint8 crops and
their way to the devices; PyTorch gets the pairs ready. PyTorch: channels_last, fused Adam, one thread per core. Both
start from the same weights, and their losses are compared first.
"""

import dataclasses
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tyro
from comparison import channels_last, in_turns, photo_crops, pytorch, report, require_equal

from jaxsr.data.augmentation import augment, degrade
from jaxsr.errors import reported
from jaxsr.models import SRResNet
from jaxsr.models.initialisation import initialise
from jaxsr.training.devices import make_mesh, replicated, sharded_batches, split_cpu_into_devices
from jaxsr.training.memory import restart_with_huge_pages
from jaxsr.training.state import create_state
from jaxsr.training.steps import compile_steps, make_pixel_step

RATE = 1e-4


@dataclasses.dataclass(frozen=True)
class Options:
    """What to measure."""

    rounds: int = 7
    """Timed updates of each program."""
    losses: int = 3
    """Updates whose losses are compared before."""
    batch_size: int = 16
    """Crops per update."""
    crop: int = 96
    """Side of the HR crops, in pixels."""
    dtypes: tuple[str, ...] = ("float32", "bfloat16")
    """Dtypes of computation; PyTorch's bfloat16 is autocast."""
    devices: int | None = None
    """Devices of ours (None: one per CPU core)."""
    json: Path | None = None
    """Write the figures here too."""


def our_step(dtype: str, variables: dict, *, batch_size: int, devices: int | None):
    """From uint8 crops to the loss of one more update."""
    optimizer, mesh = optax.adam(RATE), make_mesh(devices, batch_size=batch_size)
    run_steps = compile_steps(make_pixel_step(SRResNet(dtype=jnp.dtype(dtype)), optimizer, seed=0))
    state = replicated(create_state(variables, optimizer, ema=False), mesh)

    def step(crops):
        nonlocal state
        state, metrics = run_steps(state, sharded_batches(crops[None], mesh))
        return float(metrics["loss"][0])

    return step


def their_step(dtype: str, variables: dict):
    """From a pair of LR and HR to the loss of one more update."""
    torch, torch_twins = pytorch()
    twin = torch_twins.load(torch_twins.SRResNet(), variables).to(memory_format=torch.channels_last).train()
    adam = torch.optim.Adam(twin.parameters(), RATE, fused=True)

    def step(low, high):
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bfloat16"):
            prediction = twin(low)
        loss = torch.nn.functional.mse_loss(prediction.float(), high)
        adam.zero_grad()
        loss.backward()
        adam.step()
        return loss.item()

    return step


@jax.jit
def pair(number, crops):
    """LR and HR as our step makes them in its update of that number."""
    return degrade(augment(jax.random.fold_in(jax.random.key(0), number), crops), scale=4)


def main(options: Options) -> None:
    split_cpu_into_devices(options.devices)
    variables = initialise(jax.random.key(0), SRResNet(), initialisation="paper")
    variables = jax.tree.map(np.asarray, variables)
    programs, differences = {}, {}
    for dtype in options.dtypes:
        ours = our_step(dtype, variables, batch_size=options.batch_size, devices=options.devices)
        theirs = their_step(dtype, variables)
        losses = []
        for number in range(options.losses):
            crops = photo_crops(options.batch_size, options.crop, seed=number)
            pairs = [channels_last(images) for images in pair(number, crops)]
            losses.append((ours(crops), theirs(*pairs)))
        within = 0.01 if dtype == "float32" else 0.03
        differences[dtype] = require_equal(f"losses in {dtype}", *map(list, zip(*losses, strict=True)), within=within)
        programs[f"jaxsr {dtype}"] = partial(ours, crops)
        programs[f"PyTorch {dtype}"] = partial(theirs, *pairs)
    seconds = in_turns(programs, rounds=options.rounds)
    compared = f"one SRResNet update of {options.batch_size} crops of {options.crop}×{options.crop}"
    report(compared, seconds, json_file=options.json, loss_differences=differences, losses_compared=options.losses)


if __name__ == "__main__":
    restart_with_huge_pages()
    with reported():
        main(tyro.cli(Options, description=__doc__))
