"""How strong the content loss is: measured before the first update."""

import math
from collections.abc import Iterable
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from jaxsr.data.augmentation import degrade as reduce
from jaxsr.data.degradation import Degrade
from jaxsr.training.gan import GanLosses
from jaxsr.training.losses import content_loss


def calibrated_feature_scale(
    generator: nn.Module,
    features: nn.Module,
    losses: GanLosses,
    variables: dict,
    frozen: Any,
    batches: Iterable[np.ndarray],
    *,
    ratio: float,
    degrade: Degrade | None = None,
) -> float:
    """The feature scale with which the content loss starts at a multiple of the undecided discriminator's loss.

    That is at `ratio · adversarial_weight · ln 2`, measured on the generator as it is before the first update.

    Args:
      generator: network with a `scale`.
      features: see `make_gan_step`.
      losses: their `feature_scale` is not looked at.
      variables: of the generator.
      frozen: parameters of `features`.
      batches: uint8 [B, S, S, 3] each.
      ratio: the multiple.
      degrade: see `make_gan_step`.
    """
    degrade = degrade or (lambda key, crops: reduce(crops, scale=generator.scale))

    @jax.jit
    def measure(variables, frozen, key, crops):
        low, high = degrade(key, crops)
        images, _ = generator.apply(variables, low, train=True, mutable=["batch_stats"])
        pair = (features.apply({"params": frozen}, batch) for batch in (images, losses.target(high)))
        return content_loss(*pair, losses.taps, loss=losses.content)

    key = jax.random.key(0)
    values = [measure(variables, frozen, jax.random.fold_in(key, i), crops) for i, crops in enumerate(batches)]
    measured = float(np.mean(values))
    wanted = ratio * losses.adversarial_weight * math.log(2)
    # The scale multiplies features, so that it enters the squared error squared.
    return (wanted / measured) ** (0.5 if losses.content == "mse" else 1.0)
