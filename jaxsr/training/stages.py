"""The two stages of a training run: what state they move, and by which compiled step."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxsr.config import TrainConfig
from jaxsr.data.degradation import Degrade, make_degradation, make_paired
from jaxsr.models.discriminator import Discriminator
from jaxsr.models.unet import UNetDiscriminator
from jaxsr.processes.devices import of_first_process, replicated
from jaxsr.training.calibration import calibrated_feature_scale
from jaxsr.training.gan import GanLosses, GanState, make_gan_step
from jaxsr.training.soap import soap
from jaxsr.training.state import create_state, learning_rate_schedule
from jaxsr.training.steps import compile_steps, make_pixel_step
from jaxsr.weights.perceptual import load_perceptual

CALIBRATION_BATCHES = 8


class Stage(NamedTuple):
    """What the training loop needs of a stage.

    Attributes:
      state: the state before the first update.
      run_steps: `(state, batches)` to `(state, metrics)`, compiled.
      used: what the card and the run record beside the configuration, JSON.
    """

    state: Any
    run_steps: Callable
    used: dict


def pixel_stage(config: TrainConfig, model: nn.Module, variables: dict) -> Stage:
    """A pixel loss alone (Ledig et al. 2017, section 2.2.1, equation 4)."""
    optimizer = {"adam": optax.adam, "soap": soap}[config.optimizer](_schedule(config, config.learning_rate))
    degrade = degrade_of(config)
    step = make_pixel_step(model, optimizer, seed=config.seed, degrade=degrade, loss=config.loss, ema=config.ema)
    return Stage(create_state(variables, optimizer, ema=config.ema > 0), compile_steps(step), {})


def adversarial_stage(
    config: TrainConfig, model: nn.Module, variables: dict, crops: Iterator[np.ndarray], *, used: dict | None
) -> Stage:
    """Content and adversarial loss (Ledig et al. 2017, section 2.2).

    Args:
      config: the run's.
      model: the generator.
      variables: its weights before the first update.
      crops: the run's batches, whole, of which the first measure the feature scale.
      used: what the run recorded when it began, or None when it begins now.

    Raises:
      InputError: the network of the content loss cannot be had, or has no such feature maps.
    """
    dtype = jnp.dtype(config.dtype)
    features, frozen, perceptual = load_perceptual(config.perceptual, taps=config.taps, dtype=dtype)
    taps = dict(zip(features.taps, config.tap_weights or [1.0] * len(features.taps), strict=True))
    losses = GanLosses(
        taps=taps,
        feature_scale=1.0,
        content=config.content_loss,
        adversarial=config.adversarial,
        adversarial_weight=config.adversarial_weight,
        label_smoothing=config.label_smoothing,
        pixel=config.loss,
        pixel_weight=config.pixel_weight,
        sharp_targets=config.sharp_targets,
    )
    degrade = degrade_of(config)
    scale = config.feature_scale or (used and used["losses"]["feature_scale"])
    if scale is None:
        batches = islice(crops, CALIBRATION_BATCHES)
        scale = calibrated_feature_scale(
            model,
            features,
            losses,
            variables,
            frozen,
            batches,
            ratio=config.content_ratio,
            degrade=None if config.degradation == "bicubic" and not config.lr else degrade,
        )
    # The last bits may differ between machines, and the scale is part of the program.
    scale = float(of_first_process(np.float32(scale))) if jax.process_count() > 1 else scale
    losses = losses._replace(feature_scale=scale)
    kinds = {"vgg": partial(Discriminator, global_pool=config.global_pool), "unet": UNetDiscriminator}
    discriminator = kinds[config.discriminator](dtype=dtype)
    rates = (config.learning_rate, config.discriminator_learning_rate or config.learning_rate)
    optimizers = tuple(optax.adam(_schedule(config, rate)) for rate in rates)
    image = jnp.zeros((1, config.crop, config.crop, 3))
    # Another stream than the batches' keys, which are folded from the same seed.
    key = jax.random.key(config.seed + 1)
    judge = discriminator.init(key, image, train=False)
    state = GanState(
        jnp.int32(0),
        create_state(variables, optimizers[0], ema=config.ema > 0),
        create_state(judge, optimizers[1], ema=False),
    )
    step = make_gan_step(
        model, discriminator, features, optimizers, losses, seed=config.seed, degrade=degrade, ema=config.ema
    )
    run_steps, replicas = compile_steps(step), {}

    def run(state, batches):
        # The frozen network goes where the state is, once.
        if not replicas:
            replicas["frozen"] = replicated(frozen, state.step.sharding.mesh)
        return run_steps(state, batches, replicas["frozen"])

    rates = {"discriminator_learning_rate": rates[1], "content_ratio": config.content_ratio}
    used = {"losses": losses._asdict() | rates, "perceptual": perceptual, "discriminator": config.discriminator}
    return Stage(state, run, used)


def degrade_of(config: TrainConfig) -> Degrade:
    """From the run's crops, or pairs of crops, to LR and HR."""
    return make_paired(scale=config.scale) if config.lr else make_degradation(config.degradation, scale=config.scale)


def _schedule(config, learning_rate):
    return learning_rate_schedule(learning_rate, config.steps, schedule=config.schedule, warmup=config.warmup)
