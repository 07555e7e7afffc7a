"""The training state as one pytree, and the schedule of its learning rate."""

from collections.abc import Mapping
from typing import Any, Literal

import jax
import jax.numpy as jnp
import optax
from flax import struct


class TrainState(struct.PyTreeNode):
    """All values that an update reads and writes.

    Attributes:
      step: int32 scalar, updates done.
      params: parameters of the network.
      batch_stats: running statistics of its batch norms ({} without batch norms).
      opt_state: state of the optimiser.
      ema: {"params", "batch_stats"} averaged over the updates, or None.
    """

    step: jax.Array
    params: Any
    batch_stats: Any
    opt_state: Any
    ema: Any

    def exported(self) -> dict[str, Any]:
        """The variables to validate and to export: the average if there is one, or else the current ones."""
        return self.ema or {"params": self.params, "batch_stats": self.batch_stats}

    def updated(
        self, optimizer: optax.GradientTransformation, gradient: Any, batch_stats: Any, *, ema: float = 0.0
    ) -> "TrainState":
        """The state after one update.

        Args:
          optimizer: the optimiser that the state was created with.
          gradient: of the loss by `params`.
          batch_stats: the running statistics after the same run of the network.
          ema: decay of the average; 0 for none.
        """
        updates, opt_state = optimizer.update(gradient, self.opt_state, self.params)
        params = optax.apply_updates(self.params, updates)
        average = self.ema
        if ema:
            average = _averaged(average, {"params": params, "batch_stats": batch_stats}, self.step, decay=ema)
        return TrainState(self.step + 1, params, batch_stats, opt_state, average)


def create_state(variables: Mapping[str, Any], optimizer: optax.GradientTransformation, *, ema: bool) -> TrainState:
    """The state before the first update.

    Args:
      variables: {"params", "batch_stats"} of the network; "batch_stats" may be missing.
      optimizer: the optimiser of the updates.
      ema: whether to keep an average, which starts at `variables`.
    """
    params, batch_stats = variables["params"], variables.get("batch_stats", {})
    average = jax.tree.map(jnp.copy, {"params": params, "batch_stats": batch_stats}) if ema else None
    return TrainState(jnp.int32(0), params, batch_stats, optimizer.init(params), average)


def _averaged(average, current, step, *, decay):
    """One step of the exponential moving average.

    The decay grows from 0.1 to `decay` as (1 + step)/(10 + step), so the average forgets the initial weights early.
    """
    kept = jnp.minimum(decay, (1.0 + step) / (10.0 + step))
    return jax.tree.map(lambda a, c: a + (1.0 - kept) * (c - a), average, current)


def learning_rate_schedule(
    learning_rate: float, steps: int, *, schedule: Literal["constant", "step", "cosine"], warmup: int = 0
) -> optax.Schedule:
    """The learning rate as a function of the number of updates done.

    Args:
      learning_rate: the peak.
      steps: updates of the whole run.
      schedule: "constant" is the peak throughout. "step" is a tenth of the peak from update `steps` // 2 on (the SRGAN
        paper, section 3.2). "cosine" is half a cosine from the peak to zero at `steps`.
      warmup: the first updates, in which a factor rises linearly to 1; 0 for none.
    """
    shape = {
        "constant": optax.constant_schedule(learning_rate),
        "step": optax.piecewise_constant_schedule(learning_rate, {steps // 2: 0.1}),
        "cosine": optax.cosine_decay_schedule(learning_rate, steps),
    }[schedule]
    return lambda done: shape(done + 1) * jnp.minimum(1.0, (done + 1) / max(warmup, 1))
