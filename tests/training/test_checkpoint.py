import gc

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxsr.errors import InputError
from jaxsr.training.checkpoint import abstract, open_checkpoints, restore_checkpoint, save_checkpoint
from jaxsr.training.state import create_state

PROGRESS = {"best": 1.5, "order": 0}


@pytest.fixture
def saved(tmp_path):
    state = create_state({"params": {"w": jnp.arange(1000.0)}}, optax.adam(1e-3), ema=False)
    with open_checkpoints(tmp_path) as checkpoints:
        save_checkpoint(checkpoints, state, PROGRESS)
    return tmp_path, state


def test_what_was_saved_comes_back(saved):
    folder, state = saved
    with open_checkpoints(folder) as checkpoints:
        restored, progress = restore_checkpoint(checkpoints, abstract(state))
    jax.tree.map(np.testing.assert_array_equal, restored, state)
    assert progress == PROGRESS


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_damaged_checkpoint_is_named_with_the_way_out(saved):
    folder, state = saved
    files = [path for path in (folder / "0").rglob("*") if path.is_file()]
    assert files
    for path in files:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with (
        open_checkpoints(folder) as checkpoints,
        pytest.raises(InputError, match=r"step 0 cannot be read .*begins the run again"),
    ):
        restore_checkpoint(checkpoints, abstract(state))
    # Orbax leaves a coroutine behind that nobody waits for, and Python complains when it goes.
    gc.collect()


def test_the_cause_is_told_and_not_what_was_wrapped_around_it(saved):
    folder, _ = saved
    other = create_state({"params": {"w": jnp.zeros(999)}}, optax.adam(1e-3), ema=False)
    with open_checkpoints(folder) as checkpoints, pytest.raises(InputError, match=r"\(999,\)"):
        restore_checkpoint(checkpoints, abstract(other))
