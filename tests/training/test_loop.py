"""The loop with a step of one line, whose loss is not finite on black crops."""

import json

import grain
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsr.config import TrainConfig
from jaxsr.errors import InputError
from jaxsr.training.devices import make_mesh, replicated
from jaxsr.training.loop import fit
from jaxsr.training.state import TrainState
from jaxsr.training.steps import compile_steps


def step(state, crops):
    mean = crops.astype(jnp.float32).mean()
    state = state.replace(step=state.step + 1, params={"sum": state.params["sum"] + mean})
    return state, {"loss": jnp.where(mean > 0, mean, jnp.nan)}


def run(workdir, orders, checkpoint_every=2):
    """Train on crops of one brightness each, `orders[n]` being those of data order n; returns what was exported."""
    config = TrainConfig(
        workdir=str(workdir), steps=8, checkpoint_every=checkpoint_every, validate_every=4, batch_size=1
    )
    mesh = make_mesh(1, batch_size=1)
    exported = {}

    def open_crops(order):
        values = [np.full((1, 4, 4, 3), value, np.uint8) for value in orders[order]]
        return iter(grain.MapDataset.source(values).to_iter_dataset())

    fit(
        config,
        replicated(TrainState(jnp.int32(0), {"sum": jnp.float32(0)}, {}, (), None), mesh),
        compile_steps(step),
        mesh=mesh,
        open_crops=open_crops,
        validate=lambda state, board: {"psnr_y": float(state.params["sum"])},
        better=lambda scores, best: best is None or scores["psnr_y"] > best["psnr_y"],
        warnings=lambda rows: {},
        export=lambda state, name, scores: exported.update({name: jax.device_get(state.params["sum"])}),
        title="",
    )
    return exported


def test_without_trouble_every_crop_is_used_once(tmp_path):
    assert run(tmp_path, {0: range(1, 9)})["last.safetensors"] == sum(range(1, 9))


def test_a_loss_that_is_not_finite_goes_back_and_on_with_other_data(tmp_path, capsys):
    orders = {0: [1, 2, 3, 4, 5, 0, 7, 8], 1: [10, 20, 30, 40]}
    # Four good steps are in the checkpoint; the fifth is lost with the sixth; four of the other order follow.
    assert run(tmp_path, orders)["last.safetensors"] == 1 + 2 + 3 + 4 + 10 + 20 + 30 + 40
    assert "back to step 4" in capsys.readouterr().out
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["loss"] for row in rows if "loss" in row] == [1, 2, 3, 4, 10, 20, 30, 40]
    assert [row["step"] for row in rows if "psnr_y" in row] == [0, 4, 8]


def test_a_second_trouble_takes_a_third_order(tmp_path):
    orders = {0: [0] * 8, 1: [5, 5, 5, 0, 5, 5, 5, 5], 2: [7] * 8}
    assert run(tmp_path, orders)["last.safetensors"] == 5 + 5 + 6 * 7


def test_the_third_trouble_goes_back_to_the_checkpoint_before(tmp_path):
    orders = {0: [1, 2, 3, 4, 0, 0, 0, 0], 1: [0] * 8, 2: [0] * 8, 3: [10] * 8}
    assert run(tmp_path, orders)["last.safetensors"] == 1 + 2 + 6 * 10


def test_the_best_weights_of_steps_that_were_lost_stay_the_best(tmp_path):
    # Validated every 4 steps, saved every 3: the best of step 4 is newer than the checkpoint gone back to.
    orders = {0: [1, 1, 1, 100, 0, 0, 0, 0], 1: [1] * 8}
    exported = run(tmp_path, orders, checkpoint_every=3)
    assert exported["best.safetensors"] == 103
    assert exported["last.safetensors"] == 8


def test_trouble_without_end_is_given_up(tmp_path):
    with pytest.raises(InputError, match="3 times in a row after step 0"):
        run(tmp_path, {order: [0] * 8 for order in range(8)})
