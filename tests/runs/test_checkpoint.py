import json
import shutil
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxsr.runs.checkpoint import abstract, open_checkpoints, restore_newest, save_checkpoint
from jaxsr.training.state import create_state

PROGRESS = {"best": 1.5, "order": 0, "data": {"next": 7, "parent": {"index": None}}}

# In a process of its own, for orbax leaves coroutines behind of which Python complains at some later time.
RESTORE = """
import sys
import jax.numpy as jnp, optax
from jaxsr.errors import InputError
from jaxsr.runs.checkpoint import abstract, open_checkpoints, restore_newest
from jaxsr.training.state import create_state
for folder, size in zip(sys.argv[1::2], sys.argv[2::2]):
    state = create_state({"params": {"w": jnp.zeros(int(size))}}, optax.adam(1e-3), ema=False)
    try:
        with open_checkpoints(folder) as checkpoints:
            restore_newest(checkpoints, abstract(state))
    except InputError as error:
        print(error)
"""

# Every file of the newest checkpoint damaged in every way, one after the other, each time in a fresh copy.
DAMAGE = """
import json, random, shutil, sys
from pathlib import Path
import jax.numpy as jnp, optax
from jaxsr.runs.checkpoint import abstract, open_checkpoints, restore_newest
from jaxsr.training.state import create_state
whole, copy, places = Path(sys.argv[1]), Path(sys.argv[2], "checkpoints"), random.Random(0)
template = abstract(create_state({"params": {"w": jnp.zeros(1000)}}, optax.adam(1e-3), ema=False))
for path in sorted(path.relative_to(whole) for path in (whole / "1").rglob("*") if path.is_file()):
    for way in ("cut short", "flipped bit", "missing"):
        shutil.rmtree(copy.parent)
        shutil.copytree(whole, copy)
        contents = bytearray((copy / path).read_bytes())
        if way == "cut short":
            del contents[len(contents) // 2:]
        elif contents:
            contents[places.randrange(len(contents))] ^= 1 << places.randrange(8)
        (copy / path).unlink() if way == "missing" else (copy / path).write_bytes(contents)
        with open_checkpoints(copy) as checkpoints:
            state, progress, sentence = restore_newest(checkpoints, template)
        first = float(state.params["w"][0])
        moved = [path.name for path in (copy.parent / "damaged").glob("*")]
        print(json.dumps([str(path), way, first, progress["order"], sentence, moved]))
"""


@pytest.fixture
def saved(tmp_path):
    state = create_state({"params": {"w": jnp.arange(1000.0)}}, optax.adam(1e-3), ema=False)
    with open_checkpoints(tmp_path / "checkpoints") as checkpoints:
        save_checkpoint(checkpoints, state, PROGRESS)
    return tmp_path / "checkpoints", state


def elsewhere(program, *arguments):
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_what_was_saved_comes_back(saved):
    folder, state = saved
    with open_checkpoints(folder) as checkpoints:
        restored, progress, sentence = restore_newest(checkpoints, abstract(state))
    jax.tree.map(np.testing.assert_array_equal, restored, state)
    assert progress == PROGRESS
    assert sentence is None


def test_of_a_damaged_checkpoint_nothing_is_used(saved, tmp_path):
    """Either the newest one comes back as it was saved, or the one before, with a sentence."""
    folder, state = saved
    later = state.replace(step=state.step + 1, params=jax.tree.map(lambda leaf: leaf + 1, state.params))
    with open_checkpoints(folder) as checkpoints:
        save_checkpoint(checkpoints, later, PROGRESS | {"order": 1})
    (tmp_path / "copy").mkdir()
    done = elsewhere(DAMAGE, folder, tmp_path / "copy")
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    before = [case for case in found if case[4]]
    for path, way, first, order, sentence, moved in found:
        if sentence is None:
            assert (first, order, moved) == (1, 1, []), (path, way)
        else:
            assert (first, order, moved) == (0, 0, ["1"]), (path, way)
            assert "the checkpoint of step 1 cannot be read" in sentence
    assert {way for _, way, *_ in before} == {"cut short", "flipped bit", "missing"}
    # A flipped bit in the arrays, which orbax reads without a word.
    assert any("not those that were saved" in case[4] for case in before)


def test_a_checkpoint_without_another_is_named_with_the_cause_and_the_way_out(saved, tmp_path):
    folder, _ = saved
    damaged = shutil.copytree(folder, tmp_path / "copy")
    files = [path for path in (damaged / "0").rglob("*") if path.is_file()]
    assert files
    for path in files:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    done = elsewhere(RESTORE, damaged, 1000, folder, 999)
    assert done.returncode == 0, done.stderr
    of_damaged, of_another_shape = done.stdout.splitlines()
    assert of_damaged.startswith(f"{damaged}: the checkpoint of step 0 cannot be read")
    assert "start the run again with --no-resume" in of_damaged
    assert (damaged / "0").exists()
    # Orbax wraps the cause in errors of its own.
    assert "(999,)" in of_another_shape
