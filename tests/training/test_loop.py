"""The loop with a step of one line, whose loss is not finite on black crops."""

import json

import grain
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsr.config import TrainConfig
from jaxsr.errors import InputError
from jaxsr.processes.devices import make_mesh, replicated
from jaxsr.training.loop import fit
from jaxsr.training.state import TrainState
from jaxsr.training.steps import compile_steps


def step(state, crops):
    mean = crops.astype(jnp.float32).mean()
    state = state.replace(step=state.step + 1, params={"sum": state.params["sum"] + mean})
    return state, {"loss": jnp.where(mean > 0, mean, jnp.nan)}


def run(workdir, orders, score=float, extended_at=None, **settings):
    """Train on crops of one brightness each, `orders[n]` being those of data order n; returns what was exported.

    A validation scores the sum of all crops so far.
    """
    usual = {"steps": 8, "checkpoint_every": 2, "validate_every": 4, "batch_size": 1}
    config = TrainConfig(workdir=str(workdir), **usual | settings)
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
        validate=lambda state, board: {"psnr_y": score(state.params["sum"])},
        better=lambda scores, best: best is None or scores["psnr_y"] > best["psnr_y"],
        warnings=lambda rows: {},
        export=lambda state, name, scores: exported.update({name: jax.device_get(state.params["sum"])}),
        title="",
        extended_at=extended_at,
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


def test_a_run_that_ends_before_the_checkpoint_it_gave_up_goes_on_from_its_own_end(tmp_path):
    """Gone back from step 4 to step 2, and stopped at step 3."""
    orders = {0: [1, 2, 3, 4, 0, 0, 0, 0], 1: [0] * 8, 2: [0] * 8, 3: [1] * 8}
    settings = {"validate_every": 1, "early_stop": 1}
    assert run(tmp_path, orders, **settings)["last.safetensors"] == 1 + 2 + 1
    assert max(int(path.name) for path in (tmp_path / "checkpoints").iterdir() if path.name.isdecimal()) == 3
    # The same command again finds it done, and trains no further.
    assert run(tmp_path, {3: [9] * 8}, **settings) == {"last.safetensors": 1 + 2 + 1}


def test_the_best_weights_of_steps_that_were_lost_stay_the_best(tmp_path):
    # Validated every 4 steps, saved every 3: the best of step 4 is newer than the checkpoint gone back to.
    orders = {0: [1, 1, 1, 100, 0, 0, 0, 0], 1: [1] * 8}
    exported = run(tmp_path, orders, checkpoint_every=3)
    assert exported["best.safetensors"] == 103
    assert exported["last.safetensors"] == 8


def test_trouble_without_end_is_given_up(tmp_path):
    with pytest.raises(InputError, match="not finite 3 times in a row after step 0; lower --learning-rate or"):
        run(tmp_path, {order: [0] * 8 for order in range(8)})


def test_a_run_ends_early_after_so_many_validations_without_a_better_score(tmp_path, capsys):
    """Scores of -10, 0, -10, -20 … at steps 0, 2, 4, 6 …: two without a better one are over at step 6."""
    ups = {0: [5] * 40}
    settings = {"score": lambda total: -abs(float(total) - 10), "steps": 40, "validate_every": 2, "early_stop": 2}
    for every in (1, 3):
        exported = run(tmp_path / str(every), ups, checkpoint_every=every, **settings)
        assert (exported["best.safetensors"], exported["last.safetensors"]) == (10, 30)
        assert "stopped at step 6: 2 validations without a better score" in capsys.readouterr().out
        rows = [json.loads(line) for line in (tmp_path / str(every) / "metrics.jsonl").read_text().splitlines()]
        assert rows[-1] == {"step": 6, "psnr_y": -20}
    # The same command again finds it done; a longer patience goes on from there.
    assert run(tmp_path / "3", ups, checkpoint_every=3, **settings) == {"last.safetensors": 30}
    assert run(tmp_path / "3", ups, **settings | {"early_stop": 3}) == {"last.safetensors": 40}
    # An extension begins with its whole patience.
    for _ in range(2):
        assert run(tmp_path / "1", ups, extended_at=6, **settings)["last.safetensors"] == 50


def test_patience_survives_a_restart(tmp_path):
    """Stopped after one validation without a better score, and started again: one more is enough."""
    ups = {0: [5] * 40}
    settings = {"score": lambda total: -abs(float(total) - 10), "validate_every": 2}
    run(tmp_path, ups, **settings, steps=4)
    assert run(tmp_path, ups, **settings, steps=40, early_stop=2)["last.safetensors"] == 30
