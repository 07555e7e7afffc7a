"""The update of the pixel-loss stage, and K updates as one compiled program."""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxsr.data.degradation import Degrade, make_degradation
from jaxsr.training.losses import PIXEL_LOSSES
from jaxsr.training.state import TrainState, updated_average

Step = Callable[[TrainState, jax.Array], tuple[TrainState, dict]]


def make_pixel_step(
    model: nn.Module,
    optimizer: optax.GradientTransformation,
    *,
    seed: int,
    degrade: Degrade | None = None,
    loss: str = "mse",
    ema: float = 0.0,
) -> Step:
    """The pure update that trains SRResNet, ESPCN or SRCNN (Ledig et al. 2017, section 3.2).

    Flips, turns, degradation and scaling happen inside, from uint8 crops.

    Args:
      model: network with a `scale`.
      optimizer: optax transformation that the state was created with.
      seed: of the degradation; the update at step n uses `fold_in(key(seed), n)`.
      degrade: from crops to LR and HR; None for flips, turns and the bicubic reduction.
      loss: "mse" or "l1".
      ema: decay of the average of parameters and batch statistics; 0 for none.

    Returns:
      `step(state, crops)` with crops uint8 [B, S, S, 3], giving the next state and the scalars "loss"
      (on images in [−1, 1]) and "gradient_norm".
    """
    elementwise = PIXEL_LOSSES[loss]
    degrade = degrade or make_degradation("bicubic", scale=model.scale)

    def step(state: TrainState, crops: jax.Array) -> tuple[TrainState, dict]:
        key = jax.random.fold_in(jax.random.key(seed), state.step)
        low, high = degrade(key, crops)

        def objective(params):
            variables = {"params": params, "batch_stats": state.batch_stats}
            prediction, mutated = model.apply(variables, low, train=True, mutable=["batch_stats"])
            return elementwise(prediction, high).mean(), mutated.get("batch_stats", {})

        (value, batch_stats), gradient = jax.value_and_grad(objective, has_aux=True)(state.params)
        updates, opt_state = optimizer.update(gradient, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        average = state.ema
        if ema:
            average = updated_average(average, {"params": params, "batch_stats": batch_stats}, state.step, decay=ema)
        metrics = {"loss": value, "gradient_norm": optax.tree.norm(gradient)}
        return TrainState(state.step + 1, params, batch_stats, opt_state, average), metrics

    return step


def compile_steps(step: Step, *, unroll: bool | None = None) -> Step:
    """K updates in one dispatch, the state donated.

    Args:
      step: a pure `step(state, batch, *constants) -> (state, metrics)`.
      unroll: write the K updates one after the other into the program in place of a loop; None: on a CPU alone.

    Returns:
      The jitted `run(state, batches, *constants)`: batches [K, B, …] are consumed in order; metrics come back stacked
      [K].
    """
    if unroll is None:
        # XLA's CPU backend runs a convolution inside a loop 30 to 70 times slower than the same one outside.
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
