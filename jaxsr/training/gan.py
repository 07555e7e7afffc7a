"""The adversarial update, of generator and discriminator in one compiled step (Ledig et al. 2017, section 2)."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax import struct

from jaxsr.data.degradation import Degrade, make_degradation
from jaxsr.data.degradation.sharpening import sharpened
from jaxsr.imaging.color import signed_from_unit, unit_from_signed
from jaxsr.training.losses import PIXEL_LOSSES, adversarial_loss, compared, content_loss, discriminator_loss
from jaxsr.training.state import TrainState
from jaxsr.training.steps import Metrics


class GanState(struct.PyTreeNode):
    """All values that an adversarial update reads and writes.

    Attributes:
      step: int32 scalar, updates done.
      generator: state of the generator, which may have an average.
      discriminator: state of the discriminator, without an average.
    """

    step: jax.Array
    generator: TrainState
    discriminator: TrainState

    def exported(self) -> dict[str, Any]:
        """The variables of the generator to validate and to export: the average if there is one."""
        return self.generator.exported()


class GanLosses(NamedTuple):
    """The losses of both networks, and their weights.

    Attributes:
      taps: {feature map: weight} of the content loss; {} for none.
      feature_scale: factor on the feature maps (the paper's 1/12.75, section 3.2).
      content: "mse" or "l1" between feature maps.
      adversarial: "bce" or "relativistic".
      adversarial_weight: weight of the generator's adversarial loss.
      label_smoothing: the discriminator's target for real crops is 1 minus this.
      pixel: a key of `PIXEL_LOSSES`, between images in [−1, 1].
      pixel_weight: weight of the pixel loss.
      sharp_targets: whether pixel and content loss compare with sharpened originals. The discriminator never does.
    """

    taps: Mapping[str, float]
    feature_scale: float
    content: str = "mse"
    adversarial: str = "bce"
    adversarial_weight: float = 1e-3
    label_smoothing: float = 0.0
    pixel: str = "mse"
    pixel_weight: float = 0.0
    sharp_targets: bool = False

    def target(self, high: jax.Array) -> jax.Array:
        """Targets of pixel and content loss: HR [N, H, W, 3] in [−1, 1] to the same shape and range."""
        return signed_from_unit(sharpened(unit_from_signed(high))) if self.sharp_targets else high


def make_gan_step(
    generator: nn.Module,
    discriminator: nn.Module,
    features: nn.Module,
    optimizers: tuple[optax.GradientTransformation, optax.GradientTransformation],
    losses: GanLosses,
    *,
    seed: int,
    degrade: Degrade | None = None,
    ema: float = 0.0,
) -> Callable[[GanState, jax.Array, Any], tuple[GanState, Metrics]]:
    """Make the pure update of both networks.

    The generator runs once. First the discriminator is updated on its output, detached. Then the updated discriminator
    judges the same output, and the gradient goes back through that one run of the generator.

    Args:
      generator: network with a `scale`.
      discriminator: network from images in [−1, 1] to logits.
      features: network of the content loss, see `feature_maps`.
      optimizers: optimisers of the generator and of the discriminator.
      losses: see `GanLosses`.
      seed: seed of the degradation. The update at step n uses `fold_in(key(seed), n)`.
      degrade: function from crops to LR and HR; None for flips, turns and the bicubic reduction.
      ema: decay of the generator's average; 0 for none.

    Returns:
      `step(state, crops, frozen)`, where crops are uint8 [B, S, S, 3] and `frozen` are the parameters of `features`. It
      returns the next state and scalars: the generator's "loss" and its weighted parts "content",
      "weighted_adversarial" and "pixel"; the discriminator's loss "discriminator"; "accuracy_real" and "accuracy_fake";
      "content_ratio" (content : weighted adversarial), unless there is no adversarial loss; "gradient_norm" and
      "discriminator_gradient_norm".
    """
    degrade = degrade or make_degradation("bicubic", scale=generator.scale)

    def step(state: GanState, crops: jax.Array, frozen: Any) -> tuple[GanState, Metrics]:
        key = jax.random.fold_in(jax.random.key(seed), state.step)
        low, high = degrade(key, crops)
        target = losses.target(high)

        def upscale(params):
            variables = {"params": params, "batch_stats": state.generator.batch_stats}
            images, mutated = generator.apply(variables, low, train=True, mutable=["batch_stats"])
            return images, mutated.get("batch_stats", {})

        fake, backward, batch_stats = jax.vjp(upscale, state.generator.params, has_aux=True)
        judge, of_judge = discriminator_update(discriminator, optimizers[1], losses, state.discriminator, high, fake)

        def on_images(images):
            return generator_loss(discriminator, features, losses, judge, frozen, images, high, target)

        (_, of_generator), cotangent = jax.value_and_grad(on_images, has_aux=True)(fake)
        (gradient,) = backward(cotangent)
        moved = state.generator.updated(optimizers[0], gradient, batch_stats, ema=ema)
        metrics = of_generator | of_judge | {"gradient_norm": optax.tree.norm(gradient)}
        return GanState(state.step + 1, moved, judge), metrics

    return step


def discriminator_update(
    discriminator: nn.Module,
    optimizer: optax.GradientTransformation,
    losses: GanLosses,
    state: TrainState,
    real: jax.Array,
    fake: jax.Array,
) -> tuple[TrainState, Metrics]:
    """One update of the discriminator on images [B, crop, crop, 3] in [−1, 1]. No gradient goes into `fake`.

    Real and fake images are normalised as separate batches, the real ones first, as in the PyTorch programs.

    Returns:
      The next state, and the scalars "discriminator" (the loss), "accuracy_real", "accuracy_fake" and
      "discriminator_gradient_norm".
    """
    fake = jax.lax.stop_gradient(fake)

    def objective(params):
        stats, logits = state.batch_stats, []
        for images in (real, fake):
            variables = {"params": params, "batch_stats": stats}
            values, mutated = discriminator.apply(variables, images, train=True, mutable=["batch_stats"])
            stats = mutated["batch_stats"]
            logits.append(values)
        value = discriminator_loss(*logits, adversarial=losses.adversarial, label_smoothing=losses.label_smoothing)
        return value, (stats, *logits)

    (value, (stats, of_real, of_fake)), gradient = jax.value_and_grad(objective, has_aux=True)(state.params)
    of_real, of_fake, _ = compared(of_real, of_fake, losses.adversarial)
    metrics = {
        "discriminator": value,
        "accuracy_real": jnp.mean(of_real > 0),
        "accuracy_fake": jnp.mean(of_fake < 0),
        "discriminator_gradient_norm": optax.tree.norm(gradient),
    }
    return state.updated(optimizer, gradient, stats), metrics


def feature_maps(features: nn.Module, frozen: Any, images: jax.Array) -> dict[str, jax.Array]:
    """Apply the network of the content loss, with parameters `frozen`, to images [N, H, W, 3] in [−1, 1].

    Returns:
      {tap: features [N, h, w, channels]}.
    """
    maps: Any = features.apply({"params": frozen}, images)
    return maps


def generator_loss(
    discriminator: nn.Module,
    features: nn.Module,
    losses: GanLosses,
    judge: TrainState,
    frozen: Any,
    fake: jax.Array,
    real: jax.Array,
    target: jax.Array,
) -> tuple[jax.Array, Metrics]:
    """The loss of the generator as a function of its images `fake`, and the parts of the loss.

    All images are [B, crop, crop, 3] in [−1, 1]. The relativistic loss compares with `real`, pixel and content loss
    with `target`. The discriminator `judge` normalises with the statistics of the batch, and its running ones stay.
    """

    def logits(images):
        variables = {"params": judge.params, "batch_stats": judge.batch_stats}
        return discriminator.apply(variables, images, train=True, mutable=["batch_stats"])[0]

    content, weighted, pixel = jnp.float32(0), jnp.float32(0), jnp.float32(0)
    if losses.taps:
        scaled = [
            {tap: losses.feature_scale * value for tap, value in feature_maps(features, frozen, images).items()}
            for images in (fake, target)
        ]
        content = content_loss(*scaled, losses.taps, loss=losses.content)
    if losses.adversarial_weight:
        of_real = logits(real) if losses.adversarial == "relativistic" else jnp.zeros(real.shape[0])
        weighted = losses.adversarial_weight * adversarial_loss(of_real, logits(fake), adversarial=losses.adversarial)
    if losses.pixel_weight:
        pixel = losses.pixel_weight * PIXEL_LOSSES[losses.pixel](fake, target).mean()
    total = content + weighted + pixel
    parts = {"loss": total, "content": content, "weighted_adversarial": weighted, "pixel": pixel}
    if losses.adversarial_weight:
        parts["content_ratio"] = content / jnp.maximum(weighted, 1e-12)
    return total, parts
