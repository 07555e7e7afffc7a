"""The strength of the content loss, measured before the first update."""

import math
from collections.abc import Iterable
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from jaxsr.data.degradation import Degrade
from jaxsr.data.degradation.bicubic import bicubic_pair
from jaxsr.training.gan import GanLosses, feature_maps
from jaxsr.training.losses import content_loss


def calibrated_feature_scale(
    generator: nn.Module,
    features: nn.Module,
    losses: GanLosses,
    variables: dict[str, Any],
    frozen: Any,
    batches: Iterable[np.ndarray],
    *,
    ratio: float,
    degrade: Degrade | None = None,
) -> float:
    """The feature scale for which the content loss starts at `ratio · adversarial_weight · ln 2`.

    An undecided discriminator's loss is ln 2, so the content loss starts at `ratio` times the weighted adversarial
    loss. It is measured on the generator with these variables, which has made no update yet.

    Args:
      generator: network with a `scale`.
      features: network of the content loss, with parameters `frozen`.
      losses: the losses; their `feature_scale` is ignored.
      batches: each uint8 [B, S, S, 3].
      degrade: function from crops to LR and HR; None for the bicubic reduction, without flips and turns.
    """
    degrade = degrade or (lambda key, crops: bicubic_pair(crops, scale=generator.scale))

    @jax.jit
    def measure(variables, frozen, key, crops):
        low, high = degrade(key, crops)
        images, _ = generator.apply(variables, low, train=True, mutable=["batch_stats"])
        pair = (feature_maps(features, frozen, batch) for batch in (images, losses.target(high)))
        return content_loss(*pair, losses.taps, loss=losses.content)

    key = jax.random.key(0)
    values = [measure(variables, frozen, jax.random.fold_in(key, i), crops) for i, crops in enumerate(batches)]
    measured = float(np.mean(values))
    wanted = ratio * losses.adversarial_weight * math.log(2)
    # The scale multiplies features, so the squared error grows with its square.
    return (wanted / measured) ** (0.5 if losses.content == "mse" else 1.0)
