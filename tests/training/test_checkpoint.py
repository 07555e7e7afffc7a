import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxsr.training.checkpoint import abstract, open_checkpoints, restore_checkpoint, save_checkpoint
from jaxsr.training.state import create_state

PROGRESS = {"best": 1.5, "order": 0}

# In a process of its own, for orbax leaves coroutines behind of which Python complains at some later time.
RESTORE = """
import sys
import jax.numpy as jnp, optax
from jaxsr.errors import reported
from jaxsr.training.checkpoint import abstract, open_checkpoints, restore_checkpoint
from jaxsr.training.state import create_state
state = create_state({"params": {"w": jnp.zeros(int(sys.argv[2]))}}, optax.adam(1e-3), ema=False)
with reported(), open_checkpoints(sys.argv[1]) as checkpoints:
    restore_checkpoint(checkpoints, abstract(state))
"""


@pytest.fixture
def saved(tmp_path):
    state = create_state({"params": {"w": jnp.arange(1000.0)}}, optax.adam(1e-3), ema=False)
    with open_checkpoints(tmp_path) as checkpoints:
        save_checkpoint(checkpoints, state, PROGRESS)
    return tmp_path, state


def restored_elsewhere(folder, *, size):
    command = [sys.executable, "-c", RESTORE, str(folder), str(size)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_what_was_saved_comes_back(saved):
    folder, state = saved
    with open_checkpoints(folder) as checkpoints:
        restored, progress = restore_checkpoint(checkpoints, abstract(state))
    jax.tree.map(np.testing.assert_array_equal, restored, state)
    assert progress == PROGRESS
    assert restored_elsewhere(folder, size=1000).returncode == 0


def test_a_damaged_checkpoint_is_named_with_the_way_out(saved):
    folder, _ = saved
    files = [path for path in (folder / "0").rglob("*") if path.is_file()]
    assert files
    for path in files:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    done = restored_elsewhere(folder, size=1000)
    assert done.returncode == 2
    assert f"error: {folder}: the checkpoint of step 0 cannot be read" in done.stderr
    assert "begins the run again" in done.stderr


def test_the_cause_is_told_and_not_what_was_wrapped_around_it(saved):
    folder, _ = saved
    done = restored_elsewhere(folder, size=999)
    assert done.returncode == 2
    assert "(999,)" in done.stderr
