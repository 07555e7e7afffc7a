"""Checkpoints, by orbax: the only file that knows its API."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
from orbax.checkpoint import v1 as ocp

from jaxsr.errors import InputError
from jaxsr.training.distributed import is_lost


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
    try:
        checkpoints.save_checkpointables(int(state.step), {"state": state, "progress": progress}, overwrite=True)
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


def restore_checkpoint(
    checkpoints: ocp.training.Checkpointer, template: Any, *, step: int | None = None
) -> tuple[Any, dict]:
    """A checkpoint.

    Args:
      checkpoints: from `open_checkpoints`; must hold at least one.
      template: `abstract` of a state of the same structure.
      step: one of `saved_steps`; None for the newest.

    Returns:
      The state, placed as the template says, and the progress saved beside it.

    Raises:
      InputError: it cannot be read.
    """
    steps = saved_steps(checkpoints)
    step = steps[-1] if step is None else step
    try:
        loaded = checkpoints.load_checkpointables(step, {"state": template, "progress": None})
    except (OSError, ValueError, RuntimeError, LookupError, TypeError) as error:
        cause = _cause(error)
        if is_lost(error) or is_lost(cause) or "RESOURCE_EXHAUSTED" in str(cause):
            raise
        then = "goes on from an earlier one" if steps[0] < step else "begins the run again, for there is no other"
        raise InputError(
            f"{checkpoints.directory}: the checkpoint of step {step} cannot be read ({_first_line(cause)}); if that is "
            f"no passing trouble with the disk, move its folder away: the same command then {then}"
        ) from error
    return loaded["state"], loaded["progress"]


def _cause(error):
    """What orbax wrapped in errors of its own."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return error


def _first_line(error):
    return (str(error).splitlines() or [type(error).__name__])[0]
