"""Checkpoints, by orbax: the only file that knows its API."""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
from orbax.checkpoint import v1 as ocp

from jaxsr.errors import InputError
from jaxsr.processes.devices import gathered, is_writer
from jaxsr.processes.lost import is_lost

# Beside the folder of the checkpoints: where those go that cannot be read.
DAMAGED = "damaged"


@contextlib.contextmanager
def open_checkpoints(directory: str | os.PathLike) -> Iterator[ocp.training.Checkpointer]:
    """The checkpoints in a folder; the newest two are kept."""
    newest = ocp.training.preservation_policies.LatestN(2)
    checkpoints = ocp.training.Checkpointer(Path(directory).resolve(), preservation_policy=newest)
    try:
        yield checkpoints
    except BaseException:
        # Closing raises the error of a failed save once more, in place of the sentence made of it.
        with contextlib.suppress(Exception):
            checkpoints.close()
        raise
    checkpoints.close()


def save_checkpoint(checkpoints: ocp.training.Checkpointer, state: Any, progress: dict) -> None:
    """Write one checkpoint; it counts only once it is whole, so a kill in the middle loses nothing older.

    Args:
      checkpoints: from `open_checkpoints`.
      state: the training state, with a `step`.
      progress: what else the run must remember, as JSON: data position, best score.

    Raises:
      InputError: the disk is full or cannot be written; older checkpoints stay.
    """
    # Asked first, since orbax's threads answer a full disk with pages of their own.
    needed = 2**20 + 2 * sum(leaf.nbytes for leaf in jax.tree.leaves(state))
    free = shutil.disk_usage(checkpoints.directory).free
    if free < needed:
        raise InputError(
            f"{checkpoints.directory}: a checkpoint needs {needed / 1e6:.0f} MB and the disk has {free / 1e6:.0f} MB "
            "left; free some space and start the same command again"
        )
    # orbax does not notice a flipped bit in an array.
    signed = progress | {"digest": _digest(state, progress)}
    try:
        checkpoints.save_checkpointables(int(state.step), {"state": state, "progress": signed}, overwrite=True)
    except (OSError, ValueError, RuntimeError) as error:
        if is_lost(error):
            raise
        raise InputError(
            f"{checkpoints.directory}: the checkpoint of step {int(state.step)} could not be written "
            f"({_first_line(error)}); free some space and start the same command again"
        ) from error


def saved_steps(checkpoints: ocp.training.Checkpointer) -> list[int]:
    """Steps of the whole checkpoints, the newest last."""
    return sorted(checkpoint.step for checkpoint in checkpoints.checkpoints)


def abstract(state: Any) -> Any:
    """Shapes, dtypes and shardings of a state, without its values."""
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), state)


def restore_newest(checkpoints: ocp.training.Checkpointer, template: Any) -> tuple[Any, dict, str | None]:
    """The newest checkpoint that can be read; newer ones are moved into the folder `DAMAGED` beside the checkpoints.

    All processes of a run take the same one.

    Args:
      checkpoints: from `open_checkpoints`; must hold at least one.
      template: see `restore_checkpoint`.

    Returns:
      State and progress, see `restore_checkpoint`, and a sentence on what was moved, or None.

    Raises:
      InputError: none can be read; all stay where they are.
    """
    unreadable, first = [], None
    for step in reversed(saved_steps(checkpoints)):
        try:
            found = restore_checkpoint(checkpoints, template, step=step)
        except InputError as error:
            found, first = None, first or error
        if gathered(np.bool_(found is not None)).all():
            return *found, _set_aside(checkpoints, unreadable, first)
        unreadable.append(step)
    raise InputError(
        f"{first or 'another process could not read its checkpoint'}, nor is there an earlier one that can; if that is "
        "no passing trouble with the disk, --no-resume begins the run again"
    ) from first


def _set_aside(checkpoints, steps, error):
    if not steps:
        return None
    directory = Path(checkpoints.directory)
    damaged = directory.parent / DAMAGED
    if is_writer():
        # The last trouble is enough to keep: each is as large as a checkpoint.
        shutil.rmtree(damaged, ignore_errors=True)
        damaged.mkdir()
        for step in steps:
            (directory / str(step)).rename(damaged / str(step))
    gathered(np.int32(0))
    checkpoints.reload()
    return f"{error or 'another process could not read its checkpoint'}: moved to {damaged}, on from the one before"


def restore_checkpoint(checkpoints: ocp.training.Checkpointer, template: Any, *, step: int) -> tuple[Any, dict]:
    """A checkpoint.

    Args:
      checkpoints: from `open_checkpoints`.
      template: `abstract` of a state of the same structure.
      step: one of `saved_steps`.

    Returns:
      The state, placed as the template says, and the progress saved beside it.

    Raises:
      InputError: it cannot be read, or is not what was saved.
    """
    try:
        loaded = checkpoints.load_checkpointables(step, {"state": template, "progress": None})
    except (OSError, ValueError, RuntimeError, LookupError, TypeError) as error:
        cause = _cause(error)
        if is_lost(error) or is_lost(cause) or "RESOURCE_EXHAUSTED" in str(cause):
            raise
        raise _unreadable(checkpoints, step, _first_line(cause)) from error
    state, progress = loaded["state"], loaded["progress"]
    # Checkpoints of before there was a digest have none.
    digest = progress.pop("digest", None)
    if digest not in (None, _digest(state, progress)):
        raise _unreadable(checkpoints, step, "its contents are not those that were saved")
    return state, progress


def _digest(state, progress):
    digest = hashlib.sha256(json.dumps(progress, sort_keys=True).encode())
    for leaf in jax.tree.leaves(state):
        digest.update(np.asarray(leaf).tobytes())
    return digest.hexdigest()


def _unreadable(checkpoints, step, cause):
    return InputError(f"{checkpoints.directory}: the checkpoint of step {step} cannot be read ({cause})")


def _cause(error):
    """What orbax wrapped in errors of its own."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return error


def _first_line(error):
    return (str(error).splitlines() or [type(error).__name__])[0]
