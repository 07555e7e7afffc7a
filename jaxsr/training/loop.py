"""The training loop: one linear function that moves a state, and remembers, shows and survives."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from tqdm import tqdm

from jaxsr.config import TrainConfig
from jaxsr.errors import InputError
from jaxsr.training.checkpoint import abstract, latest_step, open_checkpoints, restore_checkpoint, save_checkpoint
from jaxsr.training.devices import sharded_batches
from jaxsr.training.monitor import append_log, draw_curves, read_log
from jaxsr.training.steps import Step

MAX_ROLLBACKS = 3


def fit(
    config: TrainConfig,
    state: Any,
    run_steps: Step,
    *,
    mesh: Mesh,
    open_crops: Callable[[int], Iterator[np.ndarray]],
    validate: Callable[[Any, Any], dict],
    better: Callable[[dict, dict | None], bool],
    warnings: Callable[[list[dict]], dict[str, str]],
    export: Callable[[Any, str, dict | None], None],
    title: str,
) -> bool:
    """Train to `config.steps`, from the last checkpoint in the workdir if there is one.

    A checkpoint holds the state, the data position and the best score, so a run that was killed ends with the same
    bits as one that was not. When a loss or gradient is not finite, the run goes back to the last checkpoint and on
    with other data; the third time between two checkpoints it gives up.

    Args:
      config: steps, intervals, batch size and workdir are read from it.
      state: the initial state, replicated on the mesh; donated.
      run_steps: from `compile_steps`.
      mesh: from `make_mesh`.
      open_crops: gives the endless, checkpointable iterator over uint8 crops for data order n (0, 1, …).
      validate: `(state, board)` to scores; draws what it has to show.
      better: whether the first scores beat the second.
      warnings: of the log, kind to sentence; each kind is shown when it appears. May raise InputError to end the run.
      export: `(state, file name, scores)` writes weights.
      title: of the curves.

    Returns:
      True when all steps are done, False when it was interrupted (and saved).

    Raises:
      InputError: the loss would not stay finite, or nothing can be written.
    """
    from tensorboardX import SummaryWriter

    workdir, log = Path(config.workdir), Path(config.workdir, "metrics.jsonl")
    per_dispatch = config.steps_per_dispatch or (1 if jax.default_backend() == "cpu" else 50)
    with open_checkpoints(workdir / "checkpoints") as checkpoints, _interruptible() as interrupted:
        # 1. The state: the newest checkpoint, or the initial one, saved so that there is always one to go back to.
        template = abstract(state)
        progress = {"order": 0, "data": None, "best": None}
        if latest_step(checkpoints) is not None:
            state, progress = restore_checkpoint(checkpoints, template)
            print(f"resuming {workdir} at step {int(state.step)}")
        # 2. The data, where that state left it. 3. The log, cut to that state.
        crops = _opened(open_crops, progress)
        step, rollbacks = int(state.step), 0
        rows = read_log(log, until=step)
        if latest_step(checkpoints) is None:
            save_checkpoint(checkpoints, state, progress | {"data": crops.get_state()})
        board = SummaryWriter(str(workdir / "tensorboard"), purge_step=step + 1, write_to_disk=True)
        bar = tqdm(total=config.steps, initial=step, unit="step", dynamic_ncols=True)
        warned = {}

        def validated():
            scores = validate(state, board)
            if scores:
                bar.write(f"step {step}: " + ", ".join(f"{k} {v:.4f}" for k, v in scores.items()))
                _record(rows, log, board, step, scores)
                if better(scores, progress["best"]):
                    progress["best"] = scores
                    export(state, "best.safetensors", scores)
            draw_curves(workdir / "curves.png", rows, title=title)
            found = warnings(rows)
            for kind in found.keys() - warned.keys():
                bar.write(f"warning: {found[kind]}")
            warned.clear()
            warned.update(found)

        with contextlib.closing(board), contextlib.closing(bar):
            if step == 0 and not any("psnr_y" in row for row in rows):
                validated()
            while step < config.steps and not interrupted:
                count = min(per_dispatch, _next_event(step, config) - step)
                started = time.perf_counter()
                batches = np.stack([next(crops) for _ in range(count)])
                waited = time.perf_counter() - started
                state, metrics = run_steps(state, sharded_batches(batches, mesh))
                metrics = {name: np.asarray(values) for name, values in jax.device_get(metrics).items()}
                if not all(np.isfinite(values).all() for values in metrics.values()):
                    rollbacks += 1
                    if rollbacks == MAX_ROLLBACKS:
                        raise InputError(
                            f"the loss was not finite {rollbacks} times in a row after step "
                            f"{latest_step(checkpoints)}; lower --learning-rate or raise --warmup, in another "
                            f"--workdir (the last good checkpoint is kept in {workdir})"
                        )
                    state, progress = restore_checkpoint(checkpoints, template)
                    progress |= {"order": progress["order"] + rollbacks, "data": None}
                    bar.write(f"not finite after step {step}: back to step {int(state.step)}, on with other data")
                    step, crops = int(state.step), _opened(open_crops, progress)
                    rows = read_log(log, until=step)
                    bar.n = step
                    continue
                step += count
                seconds = time.perf_counter() - started
                row = {name: float(values.mean()) for name, values in metrics.items()}
                row |= {"patches_per_second": config.batch_size * count / seconds, "waited": waited / seconds}
                _record(rows, log, board, step, row)
                bar.update(count)
                bar.set_postfix_str(f"loss {row['loss']:.5f}, {row['patches_per_second']:.0f} patches/s", refresh=False)
                done = step == config.steps
                if done or step % config.validate_every == 0:
                    validated()
                if done or interrupted or step % config.checkpoint_every == 0:
                    save_checkpoint(checkpoints, state, progress | {"data": crops.get_state()})
                    rollbacks = 0
        if latest_step(checkpoints) != step:
            save_checkpoint(checkpoints, state, progress | {"data": crops.get_state()})
        finished = step == config.steps
        if finished:
            export(state, "last.safetensors", _scores_at(rows, step))
        return finished


def _opened(open_crops, progress):
    crops = open_crops(progress["order"])
    if progress["data"] is not None:
        crops.set_state(progress["data"])
    return crops


def _next_event(step: int, config: TrainConfig) -> int:
    # Dispatches end where something happens, at steps that do not depend on where a run was interrupted.
    after = [(step // every + 1) * every for every in (config.checkpoint_every, config.validate_every)]
    return min(*after, config.steps)


def _record(rows, log, board, step, values):
    row = {"step": step} | values
    rows.append(row)
    append_log(log, row)
    for name, value in values.items():
        board.add_scalar(name, value, step)


def _scores_at(rows, step):
    return next(
        ({k: v for k, v in row.items() if k != "step"} for row in rows if row["step"] == step and "psnr_y" in row), None
    )


@contextlib.contextmanager
def _interruptible():
    """Yield a list that fills at the first Ctrl-C or SIGTERM; the second stops the process at once."""
    seen = []

    def note(number, frame):
        seen.append(number)
        signal.signal(number, previous[number])

    previous = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield seen
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
