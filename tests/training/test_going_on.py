"""What a run goes on with, and what it refuses: photos that changed or moved, longer runs, damaged checkpoints."""

import json
import shutil

import numpy as np
import pytest
import safetensors.numpy
from forked import run
from PIL import Image
from test_train_script import TINY, assert_refused, command, killed, photos, uninterrupted  # noqa: F401

from jaxsr.weights.store import load_weights

HALF = [*TINY, "--checkpoint-every", 20, "--validate-every", 60]


def weights(workdir):
    return safetensors.numpy.load_file(workdir / "last.safetensors")


def assert_same_bits(workdir, other):
    ours, theirs = weights(workdir), weights(other)
    assert ours.keys() == theirs.keys()
    assert all(ours[key].tobytes() == theirs[key].tobytes() for key in ours)


@pytest.fixture(scope="module")
def stopped(photos, tmp_path_factory):  # noqa: F811
    """A run whose 60 steps are done."""
    workdir = tmp_path_factory.mktemp("stopped") / "run"
    done = run(command(*HALF, "--steps", 60, photos=photos, workdir=workdir))
    assert done.returncode == 0, done.stderr
    return workdir


@pytest.fixture
def again(stopped, tmp_path):
    return shutil.copytree(stopped, tmp_path / "run")


def test_photos_that_moved_are_the_same_and_changed_ones_are_named(photos, again, tmp_path):  # noqa: F811
    moved = shutil.copytree(photos, tmp_path / "elsewhere")
    line = command(*HALF, "--steps", 60, "--data", "elsewhere/train", "--validation", moved / "validation")
    line += ["--workdir", str(again), "--growth", "16"]
    # With a setting of no use, which earlier versions let pass, the run goes on too.
    settings = json.loads((again / "config.json").read_text())
    (again / "config.json").write_text(json.dumps(settings | {"growth": 16}))
    done = run(line, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "resuming" in done.stdout
    # Other pixels under the same names, in files of the same size.
    for name in ("00", "11"):
        path = moved / "train" / f"{name}.png"
        size = path.stat().st_size
        noise = np.random.default_rng(int(name)).integers(0, 256, (60, 60, 3), np.uint8)
        Image.fromarray(noise).save(path)
        path.write_bytes(path.read_bytes().ljust(size, b"\0"))
    Image.new("RGB", (100, 90)).save(moved / "validation" / "41.png")
    words = ("training photos: 2 have other contents (00.png, 11.png)", "validation photos: 1 has other contents (41)")
    assert_refused(run(line, cwd=tmp_path), *words, "--no-resume")
    recorded = json.loads((again / "photos.json").read_text())
    assert len(recorded["training"]) == 8


def test_a_subfolder_of_the_validation_folder_is_trained_on(photos, tmp_path):  # noqa: F811
    """Validation takes what lies directly in its folder, and so does the look for photos that are in both."""
    shutil.copytree(photos / "train", tmp_path / "par" / "train")
    shutil.copytree(photos / "validation", tmp_path / "par", dirs_exist_ok=True)
    shutil.copy(photos / "validation" / "40.png", tmp_path / "par" / "train" / "also.png")
    check = ["--data", "par/train", "--validation", "par", "--crop", 24, "--check-data"]
    done = run(command(*check), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "8 of 9 photos usable" in done.stdout
    assert "also in the validation set: par/40.png" in done.stdout


def test_an_extended_run_ends_as_one_that_was_as_long_from_the_start(again, uninterrupted, photos):  # noqa: F811
    line = command(*HALF, "--steps", 120, photos=photos, workdir=again)
    assert_refused(run(line), "steps: 60 there, 120 here", "--extend to go on")
    done = run([*line, "--extend"])
    assert done.returncode == 0, done.stderr
    assert "at step 60" in done.stdout
    assert_same_bits(again, uninterrupted)
    card = load_weights(again / "last.safetensors").card
    assert card["extended"] == [{"at": 60, "was": {"steps": 60}}]
    assert card["recipe"]["steps"] == card["steps"] == 120
    # The run is now one of 120 steps, without the flag too.
    assert run(line).returncode == 0


def test_another_batch_and_schedule_go_on_from_the_whole_state_and_survive_a_kill(again, photos, tmp_path):  # noqa: F811
    other = shutil.copytree(again, tmp_path / "other")
    changed = ["--extend", "--steps", 140, "--batch-size", 8, "--learning-rate", "5e-4", "--schedule", "cosine"]
    lines = [command(*HALF, *changed, photos=photos, workdir=workdir) for workdir in (again, other)]
    done = run(lines[0])
    assert done.returncode == 0, done.stderr
    # Killed before the first checkpoint of the new batch, whose crops must then be the same ones again.
    (other / "last.safetensors").unlink()
    killed(lines[1], other, 62)
    resumed = run(lines[1])
    assert resumed.returncode == 0, resumed.stderr
    assert_same_bits(other, again)
    rows = [json.loads(row) for row in (again / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "loss" in row] == list(range(2, 141, 2))
    card = load_weights(other / "last.safetensors").card
    assert card["extended"] == [
        {"at": 60, "was": {"batch_size": 4, "learning_rate": 1e-4, "schedule": "constant", "steps": 60}}
    ]
    # From the whole state: the optimiser's moments go on, so that the first updates are no larger than the last.
    losses = {row["step"]: row["loss"] for row in rows if "loss" in row}
    assert losses[62] < 3 * losses[60]


def test_what_may_not_change_is_refused_before_photos_are_decoded(again, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "a.png").write_bytes(b"no picture")
    line = command(*HALF, "--steps", 120, "--extend", "--crop", 32, "--workdir", again)
    done = run([*line, "--data", str(broken), "--validation", str(broken)])
    assert_refused(done, "crop: 24 there, 32 here")
    assert "usable" not in done.stdout
