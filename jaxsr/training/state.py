"""The training state as one pytree, and the optimiser that moves it."""

from typing import Any, Literal

import jax
import jax.numpy as jnp
import optax
from flax import struct


class TrainState(struct.PyTreeNode):
    """All that an update reads and writes.

    Attributes:
      step: int32 scalar, updates done.
      params: parameters of the network.
      batch_stats: running statistics of its batch norms ({} where it has none).
      opt_state: state of the optimiser.
      ema: {"params", "batch_stats"} averaged over the updates, or None.
    """

    step: jax.Array
    params: Any
    batch_stats: Any
    opt_state: Any
    ema: Any

    def exported(self) -> dict:
        """The variables to validate and to write as weights: the average where there is one."""
        return self.ema or {"params": self.params, "batch_stats": self.batch_stats}


def create_state(variables: dict, optimizer: optax.GradientTransformation, *, ema: bool) -> TrainState:
    """The state before the first update; the average starts at the initial variables."""
    params, batch_stats = variables["params"], variables.get("batch_stats", {})
    average = jax.tree.map(jnp.copy, {"params": params, "batch_stats": batch_stats}) if ema else None
    return TrainState(jnp.int32(0), params, batch_stats, optimizer.init(params), average)


def updated_average(average: dict, current: dict, step: jax.Array, *, decay: float) -> dict:
    """One step of the exponential moving average.

    The decay grows from 0.1 to `decay` as (1 + step)/(10 + step), so that the initial weights are forgotten early.
    """
    kept = jnp.minimum(decay, (1.0 + step) / (10.0 + step))
    return jax.tree.map(lambda a, c: a + (1.0 - kept) * (c - a), average, current)


def learning_rate_schedule(
    learning_rate: float, steps: int, *, schedule: Literal["constant", "step", "cosine"], warmup: int = 0
) -> optax.Schedule:
    """Learning rate by number of updates done.

    Args:
      learning_rate: the peak.
      steps: updates of the whole run.
      schedule: "constant"; "step": a tenth of the peak in the second half (the SRGAN paper's, section 3.2);
        "cosine": half a cosine from the peak to zero at `steps`.
      warmup: updates of linear rise that multiply the rest; 0 for none.
    """
    shape = {
        "constant": optax.constant_schedule(learning_rate),
        "step": optax.piecewise_constant_schedule(learning_rate, {steps // 2: 0.1}),
        "cosine": optax.cosine_decay_schedule(learning_rate, steps),
    }[schedule]
    return lambda done: shape(done + 1) * jnp.minimum(1.0, (done + 1) / max(warmup, 1))
