"""The training loop: one linear function that updates the state, validates, records and saves it."""

import contextlib
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import grain
import jax
import numpy as np
from jax.sharding import Mesh

from jaxsr.config import TrainConfig
from jaxsr.errors import InputError
from jaxsr.processes.devices import gathered, is_writer, sharded_batches
from jaxsr.processes.signals import interruptible
from jaxsr.runs.checkpoint import (
    abstract,
    open_checkpoints,
    restore_checkpoint,
    restore_newest,
    save_checkpoint,
    saved_steps,
    set_aside,
)
from jaxsr.runs.record import open_record
from jaxsr.training.moment import Moment, Scores, moment_of, open_crops_at, progress_of
from jaxsr.training.steps import Step

MAX_ROLLBACKS = 3


def fit(
    config: TrainConfig,
    state: Any,
    run_steps: Step[Any],
    *,
    mesh: Mesh,
    open_crops: Callable[[int], grain.DatasetIterator],
    validate: Callable[[Any, Any], Scores],
    better: Callable[[Scores, Scores | None], bool],
    warnings: Callable[[list[dict[str, Any]]], dict[str, str]],
    export: Callable[[Any, str, Scores | None], None],
    title: str,
    extended_at: int | None = None,
) -> bool:
    """Train to `config.steps`, from the last checkpoint in the workdir if there is one.

    A checkpoint holds the state, the data position and the best score, so a run that was killed ends with the same
    bits as one that was not. If a loss or gradient is not finite, the run goes back to the last checkpoint and on with
    other data. The third time in a row it goes back to the checkpoint before that one. Then it gives up.

    Args:
      config: settings of the run; the loop uses steps, intervals, batch size, early stop and workdir.
      state: the initial state, replicated on the mesh. Its memory is donated.
      run_steps: from `compile_steps`.
      mesh: from `make_mesh`.
      open_crops: opens the endless iterator of data order n (0, 1, …), over this process's part of each batch of uint8
        crops.
      validate: `(state, board)` to scores, the same in all processes. It also draws its pictures. It is called before
        the first update too.
      better: whether the first scores beat the second.
      warnings: from the rows of the log to {kind: sentence}. Each kind is shown when it appears. It may raise
        InputError to end the run.
      export: `(state, file name, scores)`; writes weights.
      title: title of the curves.
      extended_at: updates done when the run was last extended (None: never). Early stop counts from there anew.

    Returns:
      True if all steps are done, or the run was stopped early; False if it was interrupted and saved.

    Raises:
      InputError: the loss does not stay finite, or a file cannot be written.
    """
    workdir = Path(config.workdir)
    with open_checkpoints(workdir / "checkpoints") as checkpoints, interruptible() as interrupted:
        template, as_moment = abstract(state), partial(moment_of, config=config, extended_at=extended_at)
        moment = Moment(state, 0, None, None)
        if saved_steps(checkpoints):
            state, progress, trouble = restore_newest(checkpoints, template)
            moment = as_moment(state, progress)
            if trouble:
                print(f"warning: {trouble}")
            print(f"resuming {workdir} at step {moment.step}")
        crops = open_crops_at(moment, open_crops)
        moment = moment._replace(data=crops.get_state())
        step, troubles = moment.step, 0
        with open_record(workdir, until=step, total=config.steps, title=title, writes=is_writer()) as record:
            if not saved_steps(checkpoints):
                # So that there always is a checkpoint to go back to.
                save_checkpoint(checkpoints, moment.state, progress_of(moment, config))
            if step == 0:
                moment = _validated(moment, record, validate, better, warnings, export)
            batches = _take(crops, config, step, mesh)
            # All processes stop after the same update, whichever of them got the signal.
            while not _over(moment, step, config) and not gathered(np.bool_(len(interrupted) > 0)).any():
                started = time.perf_counter()
                state, pending = run_steps(moment.state, batches)
                step, used = step + len(jax.tree.leaves(batches)[0]), crops.get_state()
                # The next batches are cut and sent while the device computes.
                taking = time.perf_counter()
                batches = _take(crops, config, step, mesh)
                waited = time.perf_counter() - taking if jax.tree.leaves(pending)[0].is_ready() else 0.0
                metrics = {name: np.asarray(values) for name, values in jax.device_get(pending).items()}
                if not all(np.isfinite(values).all() for values in metrics.values()):
                    troubles += 1
                    moment = _rolled_back(checkpoints, template, as_moment, moment, troubles, config)
                    record.write(f"not finite after step {step}: back to step {moment.step}, with other data")
                    step, crops = moment.step, open_crops_at(moment, open_crops)
                    batches = _take(crops, config, step, mesh)
                    record.cut(step)
                    continue
                moment = moment._replace(state=state, data=used)
                seconds = time.perf_counter() - started
                with _writing(workdir):
                    record.advance(step, metrics, seconds=seconds, waited=waited, batch_size=config.batch_size)
                if step == config.steps or step % config.validate_every == 0:
                    moment = _validated(moment, record, validate, better, warnings, export)
                if _over(moment, step, config) or step % config.checkpoint_every == 0:
                    save_checkpoint(checkpoints, moment.state, progress_of(moment, config))
                    troubles = 0
        if saved_steps(checkpoints)[-1] != step:
            save_checkpoint(checkpoints, moment.state, progress_of(moment, config))
        if _over(moment, step, config):
            with _writing(workdir):
                export(moment.state, "last.safetensors", _last_scores(record.rows, step))
            if step < config.steps:
                count = f"{moment.unimproved} validation{'s' if moment.unimproved > 1 else ''}"
                print(f"stopped at step {step}: {count} without a better score")
        return _over(moment, step, config)


def _over(moment, step, config):
    early = config.early_stop is not None and moment.unimproved >= config.early_stop
    return step >= config.steps or early


def _validated(moment, record, validate, better, warnings, export) -> Moment:
    with _writing(record.workdir):
        scores = validate(moment.state, record.board)
        record.show(moment.step, scores)
        if scores and better(scores, moment.best):
            export(moment.state, "best.safetensors", scores)
            moment = moment._replace(best=scores, unimproved=0)
        elif scores:
            moment = moment._replace(unimproved=moment.unimproved + 1)
    record.warn(warnings(record.rows))
    return moment


def _rolled_back(checkpoints, template, as_moment, moment, troubles, config) -> Moment:
    """The moment of a checkpoint, with another data order. The best scores so far are kept.

    The last try starts from the checkpoint before the newest. That one is moved away, because otherwise an interrupted
    run would go on from it.
    """
    saved = saved_steps(checkpoints)
    if troubles > MAX_ROLLBACKS or (troubles == MAX_ROLLBACKS and len(saved) < 2):
        raise InputError(
            f"the loss was not finite {troubles} times in a row after step {saved[-1]}; lower --learning-rate or raise "
            f"--warmup, in another --workdir (the last good checkpoint is kept in {config.workdir})"
        )
    last = troubles == MAX_ROLLBACKS
    earlier = as_moment(*restore_checkpoint(checkpoints, template, step=saved[-2 if last else -1]))
    if last:
        set_aside(checkpoints, saved[-1:])
    unimproved = min(earlier.unimproved, moment.unimproved)
    return earlier._replace(order=earlier.order + troubles, data=None, best=moment.best, unimproved=unimproved)


def _take(crops, config, step, mesh):
    """The crops of one dispatch on their devices, [K, B, crop, crop, 3] or pairs of them; None at the end of the run.

    Dispatches end at validations and checkpoints, so their steps do not depend on where a run was interrupted.
    """
    per_dispatch = config.steps_per_dispatch or (1 if jax.default_backend() == "cpu" else 50)
    events = [(step // every + 1) * every for every in (config.checkpoint_every, config.validate_every)]
    count = min(per_dispatch, min(*events, config.steps) - step)
    if count <= 0:
        return None
    return sharded_batches(jax.tree.map(lambda *batch: np.stack(batch), *(next(crops) for _ in range(count))), mesh)


def _last_scores(rows, step):
    scores = [row for row in rows if row["step"] == step and "psnr_y" in row]
    return {key: value for key, value in scores[-1].items() if key != "step"} if scores else None


@contextlib.contextmanager
def _writing(workdir):
    """Turn an OSError into one sentence: a file in the workdir cannot be written."""
    try:
        yield
    except OSError as error:
        what = error.filename or workdir
        raise InputError(
            f"{what}: cannot be written ({error.strerror or error}); check the disk and start the same command again"
        ) from error
