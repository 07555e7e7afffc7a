"""The update with a pixel loss, and K updates as one compiled program."""

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxsr.data.degradation import Degrade, make_degradation
from jaxsr.training.losses import PIXEL_LOSSES
from jaxsr.training.state import TrainState

State = TypeVar("State")
Constants = ParamSpec("Constants")
Metrics = dict[str, jax.Array]
# From a state and crops, or K batches of crops, to the next state and its metrics.
Step = Callable[[State, Any], tuple[State, Metrics]]


def make_pixel_step(
    model: nn.Module,
    optimizer: optax.GradientTransformation,
    *,
    seed: int,
    degrade: Degrade | None = None,
    loss: str = "mse",
    ema: float = 0.0,
) -> Step[TrainState]:
    """Make the pure update of a network with a pixel loss (Ledig et al. 2017, section 3.2).

    The update starts from uint8 crops. Flips, turns, degradation and scaling happen inside.

    Args:
      model: network with a `scale`.
      optimizer: the optimiser that the state was created with.
      seed: seed of the degradation. The update at step n uses `fold_in(key(seed), n)`.
      degrade: function from crops to LR and HR; None for flips, turns and the bicubic reduction.
      loss: a key of `PIXEL_LOSSES`.
      ema: decay of the average of parameters and batch statistics; 0 for none.

    Returns:
      `step(state, crops)`, where crops are uint8 [B, S, S, 3]. It returns the next state and the scalars "loss" (on
      images in [−1, 1]) and "gradient_norm".
    """
    elementwise = PIXEL_LOSSES[loss]
    degrade = degrade or make_degradation("bicubic", scale=model.scale)

    def step(state: TrainState, crops: jax.Array) -> tuple[TrainState, Metrics]:
        key = jax.random.fold_in(jax.random.key(seed), state.step)
        low, high = degrade(key, crops)

        def objective(params):
            variables = {"params": params, "batch_stats": state.batch_stats}
            prediction, mutated = model.apply(variables, low, train=True, mutable=["batch_stats"])
            return elementwise(prediction, high).mean(), mutated.get("batch_stats", {})

        (value, batch_stats), gradient = jax.value_and_grad(objective, has_aux=True)(state.params)
        metrics = {"loss": value, "gradient_norm": optax.tree.norm(gradient)}
        return state.updated(optimizer, gradient, batch_stats, ema=ema), metrics

    return step


def compile_steps(
    step: Callable[Concatenate[State, Any, Constants], tuple[State, Metrics]], *, unroll: bool | None = None
) -> Callable[Concatenate[State, Any, Constants], tuple[State, Metrics]]:
    """Compile K updates into one dispatch, which takes over the memory of the state.

    Args:
      step: a pure `step(state, batch, *constants) -> (state, metrics)`.
      unroll: whether to write the K updates into the program one after the other, and not as a loop; None for a CPU
        only.

    Returns:
      The jitted `run(state, batches, *constants)`. It consumes batches [K, B, …] in order, and returns the last state
      and the metrics, each stacked as [K].
    """
    if unroll is None:
        # XLA's CPU backend runs convolutions much slower inside a loop than outside.
        unroll = jax.default_backend() == "cpu"
    consume = _unrolled if unroll else jax.lax.scan

    def run(state, batches, *constants):
        return consume(lambda state, batch: step(state, batch, *constants), state, batches)

    return jax.jit(run, donate_argnums=0)


def _unrolled(step, state, batches):
    history = []
    for number in range(len(jax.tree.leaves(batches)[0])):
        state, metrics = step(state, jax.tree.map(lambda values: values[number], batches))  # noqa: B023
        history.append(metrics)
    return state, jax.tree.map(lambda *values: jnp.stack(values), *history)
