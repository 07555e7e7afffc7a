"""The training loop: one linear function that moves a state, and remembers, shows and survives."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from jaxsr.config import TrainConfig
from jaxsr.errors import InputError
from jaxsr.processes.devices import gathered, is_writer, sharded_batches
from jaxsr.runs.checkpoint import (
    abstract,
    open_checkpoints,
    restore_checkpoint,
    restore_newest,
    save_checkpoint,
    saved_steps,
)
from jaxsr.runs.record import open_record
from jaxsr.training.steps import Step

MAX_ROLLBACKS = 3


class Moment(NamedTuple):
    """Where a run is: all that a checkpoint holds.

    Attributes:
      state: the training state.
      order: which data order the run follows.
      data: position in it of the first batch not yet used, None for its beginning.
      best: the best validation scores, whose weights are in best.safetensors.
      unimproved: validations since then.
    """

    state: Any
    order: int
    data: Any
    best: dict | None
    unimproved: int = 0

    @property
    def step(self) -> int:
        """Updates done; waits for the device."""
        return int(self.state.step)


def fit(
    config: TrainConfig,
    state: Any,
    run_steps: Step,
    *,
    mesh: Mesh,
    open_crops: Callable[[int], Iterator[Any]],
    validate: Callable[[Any, Any], dict],
    better: Callable[[dict, dict | None], bool],
    warnings: Callable[[list[dict]], dict[str, str]],
    export: Callable[[Any, str, dict | None], None],
    title: str,
    begun_with: int | None = None,
) -> bool:
    """Train to `config.steps`, from the last checkpoint in the workdir if there is one.

    A checkpoint holds the state, the data position and the best score, so a run that was killed ends with the same
    bits as one that was not. When a loss or gradient is not finite, the run goes back to the last checkpoint and on
    with other data; the third time running it goes back to the checkpoint before, then gives up.

    Args:
      config: steps, intervals, batch size, early stop and workdir are read from it.
      state: the initial state, replicated on the mesh; donated.
      run_steps: from `compile_steps`.
      mesh: from `make_mesh`.
      open_crops: gives the endless, checkpointable iterator over uint8 crops for data order n (0, 1, …), this
        process's part of each batch.
      validate: `(state, board)` to scores, the same in all processes; draws what it has to show. Called before the
        first update too.
      better: whether the first scores beat the second.
      warnings: of the log, kind to sentence; each kind is shown when it appears. May raise InputError to end the run.
      export: `(state, file name, scores)` writes weights.
      title: of the curves.
      begun_with: batch size of checkpoints that don't name theirs (None: as `config`). A checkpoint of another batch
        size than `config` has goes on with another data order.

    Returns:
      True when all steps are done, or it was stopped early; False when it was interrupted (and saved).

    Raises:
      InputError: the loss would not stay finite, or nothing can be written.
    """
    workdir = Path(config.workdir)
    with open_checkpoints(workdir / "checkpoints") as checkpoints, _interruptible() as interrupted:
        template, as_moment = abstract(state), partial(_as_moment, config, begun_with)
        moment = Moment(state, 0, None, None)
        if saved_steps(checkpoints):
            state, progress, trouble = restore_newest(checkpoints, template)
            moment = as_moment(state, progress)
            if trouble:
                print(f"warning: {trouble}")
            print(f"resuming {workdir} at step {moment.step}")
        crops = _opened(open_crops, moment)
        moment = moment._replace(data=crops.get_state())
        step, troubles = moment.step, 0
        with open_record(workdir, until=step, total=config.steps, title=title, writes=is_writer()) as record:
            if not saved_steps(checkpoints):
                # There is always one to go back to.
                save_checkpoint(checkpoints, moment.state, _progress(moment, config))
            if step == 0:
                moment = _validated(moment, record, validate, better, warnings, export)
            batches = _take(crops, config, step, mesh)
            # All processes stop after the same update, whichever was told to.
            while not _over(moment, step, config) and not gathered(np.bool_(len(interrupted) > 0)).any():
                started = time.perf_counter()
                state, pending = run_steps(moment.state, batches)
                step, used = step + len(jax.tree.leaves(batches)[0]), crops.get_state()
                # The next batches are cut, and sent, while the device computes.
                taking = time.perf_counter()
                batches = _take(crops, config, step, mesh)
                waited = time.perf_counter() - taking if jax.tree.leaves(pending)[0].is_ready() else 0.0
                metrics = {name: np.asarray(values) for name, values in jax.device_get(pending).items()}
                if not all(np.isfinite(values).all() for values in metrics.values()):
                    troubles += 1
                    restored = partial(restore_checkpoint, checkpoints, template)
                    moment = _rolled_back(saved_steps(checkpoints), restored, as_moment, moment, troubles, config)
                    record.write(f"not finite after step {step}: back to step {moment.step}, on with other data")
                    step, crops = moment.step, _opened(open_crops, moment)
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
                    save_checkpoint(checkpoints, moment.state, _progress(moment, config))
                    troubles = 0
        if saved_steps(checkpoints)[-1] != step:
            save_checkpoint(checkpoints, moment.state, _progress(moment, config))
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


def _rolled_back(saved, restored, as_moment, moment, troubles, config) -> Moment:
    """The moment of a checkpoint, with another data order; the best weights so far stay the best."""
    if troubles > MAX_ROLLBACKS or (troubles == MAX_ROLLBACKS and len(saved) < 2):
        raise InputError(
            f"the loss was not finite {troubles} times in a row after step {saved[-1]}; lower --learning-rate or raise "
            f"--warmup, in another --workdir (the last good checkpoint is kept in {config.workdir})"
        )
    earlier = as_moment(*restored(step=saved[-2 if troubles == MAX_ROLLBACKS else -1]))
    unimproved = min(earlier.unimproved, moment.unimproved)
    return earlier._replace(order=earlier.order + troubles, data=None, best=moment.best, unimproved=unimproved)


def _as_moment(config, begun_with, state, progress) -> Moment:
    batch_size = progress.pop("batch_size", begun_with or config.batch_size)
    moment = Moment(state, **progress)
    # A position in batches of one size is none in batches of another.
    return moment if batch_size == config.batch_size else moment._replace(order=moment.order + 1, data=None)


def _progress(moment, config):
    kept = {name: getattr(moment, name) for name in ("order", "data", "best", "unimproved")}
    return kept | {"batch_size": config.batch_size}


def _opened(open_crops, moment):
    crops = open_crops(moment.order)
    if moment.data is not None:
        crops.set_state(moment.data)
    return crops


def _take(crops, config, step, mesh):
    """The crops of one dispatch on their devices, [K, B, crop, crop, 3] or pairs of them, or None when all is done.

    Dispatches end where something happens, at steps that do not depend on where a run was interrupted.
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
    """Say in a sentence that something in the workdir could not be written."""
    try:
        yield
    except OSError as error:
        what = error.filename or workdir
        raise InputError(
            f"{what}: cannot be written ({error.strerror or error}); see to the disk and start the same command again"
        ) from error


@contextlib.contextmanager
def _interruptible():
    """Yield a list that fills at the first Ctrl-C or SIGTERM; one a second later stops the process at once."""
    seen = []

    def note(number, frame):
        seen.append(time.monotonic())
        # Batch systems send one signal to a process and its parent, who passes it on.
        if seen[-1] - seen[0] > 1:
            signal.signal(number, previous[number])
            signal.raise_signal(number)

    previous = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield seen
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
