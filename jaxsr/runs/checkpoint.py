"""Checkpoints. This is the only file that uses orbax."""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from orbax.checkpoint import v1 as ocp

from jaxsr.errors import InputError, first_line
from jaxsr.processes.devices import gathered, is_writer, wait_for_all
from jaxsr.processes.lost import is_lost

# Folder beside that of the checkpoints, for those that cannot be read, and those that a run gave up.
DAMAGED = "damaged"


@contextlib.contextmanager
def open_checkpoints(directory: str | os.PathLike[str]) -> Generator[ocp.training.Checkpointer]:
    """Open the checkpoints in a folder, which keeps the newest two."""
    newest = ocp.training.preservation_policies.LatestN(2)
    folder = str(Path(directory).resolve())
    # orbax annotates its own policies with narrower metadata than its Checkpointer gives them.
    checkpoints = ocp.training.Checkpointer(folder, preservation_policy=newest)  # ty: ignore[invalid-argument-type]
    try:
        yield checkpoints
    except BaseException:
        # Closing raises the error of a failed save again, and would hide the InputError made from it.
        with contextlib.suppress(Exception):
            checkpoints.close()
        raise
    checkpoints.close()


def save_checkpoint(checkpoints: ocp.training.Checkpointer, state: Any, progress: dict[str, Any]) -> None:
    """Write one checkpoint. It counts only when it is complete, so a kill in the middle loses nothing older.

    Args:
      checkpoints: the folder, from `open_checkpoints`.
      state: the training state, with a `step`.
      progress: the other values that the run must remember, as JSON: data position, best score.

    Raises:
      InputError: the disk is full or cannot be written. Older checkpoints are kept.
    """
    # Checked first, because orbax's threads print pages of errors when the disk is full.
    needed = 2**20 + 2 * sum(leaf.nbytes for leaf in jax.tree.leaves(state))
    free = shutil.disk_usage(checkpoints.directory).free
    if free < needed:
        raise InputError(
            f"{checkpoints.directory}: a checkpoint needs {needed / 1e6:.0f} MB and the disk has {free / 1e6:.0f} MB "
            "left; free some space and start the same command again"
        )
    # orbax does not detect a flipped bit in an array.
    signed = progress | {"digest": _digest(state, progress)}
    try:
        checkpoints.save_checkpointables(int(state.step), {"state": state, "progress": signed}, overwrite=True)
    except (OSError, ValueError, RuntimeError) as error:
        if is_lost(error):
            raise
        raise InputError(
            f"{checkpoints.directory}: the checkpoint of step {int(state.step)} could not be written "
            f"({first_line(error)}); free some space and start the same command again"
        ) from error


def saved_steps(checkpoints: ocp.training.Checkpointer) -> list[int]:
    """Steps of the complete checkpoints, the newest last."""
    return sorted(checkpoint.step for checkpoint in checkpoints.checkpoints)


def abstract(state: Any) -> Any:
    """The shapes, dtypes and shardings of a state, without its values."""
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), state)


def restore_newest(checkpoints: ocp.training.Checkpointer, template: Any) -> tuple[Any, dict[str, Any], str | None]:
    """Read the newest checkpoint that can be read, the same in all processes of a run. There must be one or more.

    Newer checkpoints, which cannot be read, are moved into the folder `DAMAGED` beside the checkpoints.

    Returns:
      State and progress as from `restore_checkpoint`, and a sentence that names what was moved, or None.

    Raises:
      InputError: no checkpoint can be read. All stay where they are.
    """
    unreadable, first = [], None
    for step in reversed(saved_steps(checkpoints)):
        try:
            found = restore_checkpoint(checkpoints, template, step=step)
        except InputError as error:
            found, first = None, first or error
        everywhere = gathered(np.bool_(found is not None)).all()
        if found is not None and everywhere:
            state, progress = found
            if not unreadable:
                return state, progress, None
            cause = first or "another process could not read its checkpoint"
            moved = set_aside(checkpoints, unreadable)
            return state, progress, f"{cause}: moved to {moved}; the run goes on from the one before"
        unreadable.append(step)
    raise InputError(
        f"{first or 'another process could not read its checkpoint'}, and no earlier one can be read; if the disk is "
        "sound, start the run again with --no-resume"
    ) from first


def set_aside(checkpoints: ocp.training.Checkpointer, steps: Sequence[int]) -> Path:
    """Move checkpoints into the folder `DAMAGED` beside the others, and return that folder.

    All processes of a run must call it.
    """
    directory = Path(checkpoints.directory)
    damaged = directory.parent / DAMAGED
    if is_writer():
        # Only the latest damage is kept, since each takes as much space as a checkpoint.
        shutil.rmtree(damaged, ignore_errors=True)
        damaged.mkdir()
        for step in steps:
            (directory / str(step)).rename(damaged / str(step))
    wait_for_all()
    checkpoints.reload()
    return damaged


def restore_checkpoint(
    checkpoints: ocp.training.Checkpointer, template: Any, *, step: int
) -> tuple[Any, dict[str, Any]]:
    """Read the checkpoint of one of the `saved_steps`. The template is `abstract` of a state of the same structure.

    Returns:
      The state, placed on devices as the template says, and the progress that was saved with it.

    Raises:
      InputError: the checkpoint cannot be read, or its contents are not those that were saved.
    """
    try:
        loaded = checkpoints.load_checkpointables(step, {"state": template, "progress": None})
    except (OSError, ValueError, RuntimeError, LookupError, TypeError) as error:
        cause = _cause(error)
        if is_lost(error) or is_lost(cause) or "RESOURCE_EXHAUSTED" in str(cause):
            raise
        raise _unreadable(checkpoints, step, first_line(cause)) from error
    state, progress = loaded["state"], loaded["progress"]
    digest = progress.pop("digest", None)
    if digest != _digest(state, progress):
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
    """The first error in a chain; orbax wraps errors in its own."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return error
