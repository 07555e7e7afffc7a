"""The two stages of training, each with its first state and its compiled step."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh

from jaxsr.config import TrainConfig
from jaxsr.data.degradation import Degrade, make_degradation, make_paired
from jaxsr.models.discriminator import Discriminator
from jaxsr.models.network import Network
from jaxsr.models.unet import UNetDiscriminator
from jaxsr.processes.devices import of_first_process, replicated
from jaxsr.training.calibration import calibrated_feature_scale
from jaxsr.training.gan import GanLosses, GanState, make_gan_step
from jaxsr.training.losses import PIXEL_LOSSES
from jaxsr.training.soap import soap
from jaxsr.training.state import create_state, learning_rate_schedule
from jaxsr.training.steps import Step, compile_steps, make_pixel_step
from jaxsr.weights.perceptual import load_perceptual

CALIBRATION_BATCHES = 8


class Stage(NamedTuple):
    """A stage as the training loop needs it.

    Attributes:
      state: the state before the first update.
      run_steps: `(state, batches)` to `(state, metrics)`, compiled.
      used: values that the card and the run record beside the configuration, as JSON.
      validation_losses: {name: elementwise loss of SR and HR [H, W, 3] in [−1, 1]}, with the weight that it has in
        training, for the validation photos.
    """

    state: Any
    run_steps: Step[Any]
    used: dict[str, Any]
    validation_losses: dict[str, Callable[[Any, Any], Any]]


def pixel_stage(config: TrainConfig, model: Network, variables: dict[str, Any]) -> Stage:
    """Make the stage with a pixel loss only, from the first weights (Ledig et al. 2017, section 2.2.1, equation 4)."""
    optimizer = {"adam": optax.adam, "soap": soap}[config.optimizer](_schedule(config, config.learning_rate))
    degrade = degrade_of(config)
    step = make_pixel_step(model, optimizer, seed=config.seed, degrade=degrade, loss=config.loss, ema=config.ema)
    state = create_state(variables, optimizer, ema=config.ema > 0)
    return Stage(state, compile_steps(step), {}, {"validation_loss": PIXEL_LOSSES[config.loss]})


def adversarial_stage(
    config: TrainConfig,
    model: Network,
    variables: dict[str, Any],
    crops: Iterator[np.ndarray],
    *,
    mesh: Mesh,
    used: dict[str, Any] | None,
) -> Stage:
    """Make the stage with content and adversarial loss (Ledig et al. 2017, section 2.2).

    Args:
      config: settings of the run.
      model: the generator.
      variables: weights of the generator before the first update.
      crops: batches of the run, not divided among processes. The first ones measure the feature scale.
      mesh: the devices of the run.
      used: `Stage.used` as it was recorded when the run began, or None if it begins now.

    Raises:
      InputError: the network of the content loss is not available, or has no such feature maps.
    """
    dtype = jnp.dtype(config.dtype)
    features, frozen, perceptual = load_perceptual(config.perceptual, taps=config.taps, dtype=dtype)
    degrade = degrade_of(config)
    losses = _losses(config, features.taps)
    scale = config.feature_scale
    if scale is None and used:
        scale = used["losses"]["feature_scale"]
    if scale is None:
        scale = calibrated_feature_scale(
            model,
            features,
            losses,
            variables,
            frozen,
            islice(crops, CALIBRATION_BATCHES),
            ratio=config.content_ratio,
            degrade=None if config.degradation == "bicubic" and not config.lr else degrade,
        )
    if jax.process_count() > 1:
        # Its last bits may differ between machines, but all must compile the same program.
        scale = float(of_first_process(np.float32(scale)))
    losses = losses._replace(feature_scale=scale)
    kinds = {"vgg": partial(Discriminator, global_pool=config.global_pool), "unet": UNetDiscriminator}
    discriminator = kinds[config.discriminator](dtype=dtype)
    judge_rate = config.discriminator_learning_rate or config.learning_rate
    optimizers = (optax.adam(_schedule(config, config.learning_rate)), optax.adam(_schedule(config, judge_rate)))
    image = jnp.zeros((1, config.crop, config.crop, 3))
    # The keys of the batches are folded from `seed`; this one is of another stream.
    key = jax.random.key((config.seed + 1) % 2**32)
    # One compiled program, in which nothing but the parameters is computed.
    judge = jax.jit(partial(discriminator.init, train=False))(key, image)
    state = GanState(
        jnp.int32(0),
        create_state(variables, optimizers[0], ema=config.ema > 0),
        create_state(judge, optimizers[1], ema=False),
    )
    step = make_gan_step(
        model, discriminator, features, optimizers, losses, seed=config.seed, degrade=degrade, ema=config.ema
    )
    run_steps, placed = compile_steps(step), replicated(frozen, mesh)
    # A feature scale of the settings leaves the ratio without use.
    ratio = config.content_ratio if config.feature_scale is None else None
    rates = {"discriminator_learning_rate": judge_rate, "content_ratio": ratio}
    used = {
        "losses": losses._asdict() | rates,
        "perceptual": perceptual,
        "discriminator": config.discriminator,
        "global_pool": config.global_pool,
    }
    return Stage(state, lambda state, batches: run_steps(state, batches, placed), used, _validation_losses(losses))


def _losses(config, taps):
    """The losses of the settings, with a feature scale of 1."""
    return GanLosses(
        taps=dict(zip(taps, config.tap_weights or [1.0] * len(taps), strict=True)),
        feature_scale=1.0,
        content=config.content_loss,
        adversarial=config.adversarial,
        adversarial_weight=config.adversarial_weight,
        label_smoothing=config.label_smoothing,
        pixel=config.loss,
        pixel_weight=config.pixel_weight,
        sharp_targets=config.sharp_targets,
    )


def _validation_losses(losses):
    """The pixel loss alone: the feature maps of whole photos would take longer than upscaling them."""

    def pixel(sr, hr):
        return losses.pixel_weight * PIXEL_LOSSES[losses.pixel](sr, losses.target(jnp.asarray(hr)[None])[0])

    return {"validation_pixel": pixel} if losses.pixel_weight else {}


def degrade_of(config: TrainConfig) -> Degrade:
    """The function from crops, or pairs of LR and HR crops where `lr` names folders, to LR and HR."""
    return make_paired(scale=config.scale) if config.lr else make_degradation(config.degradation, scale=config.scale)


def _schedule(config, learning_rate):
    return learning_rate_schedule(learning_rate, config.steps, schedule=config.schedule, warmup=config.warmup)
