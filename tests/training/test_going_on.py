"""What a run goes on with, and what it refuses: photos that changed or moved, longer runs, damaged checkpoints."""

import json
import shutil

import numpy as np
import pytest
import safetensors.numpy
from PIL import Image
from test_train_script import TINY, assert_refused, command, photos, run, uninterrupted  # noqa: F401

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
    line += ["--workdir", str(again)]
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
    assert_refused(run(line, cwd=tmp_path), "training photos: 2 have other contents (00.png, 11.png)", "--no-resume")
    shutil.copy(photos / "validation" / "40.png", moved / "validation" / "41.png")
    shutil.copytree(photos / "train", moved / "train", dirs_exist_ok=True)
    assert_refused(run(line, cwd=tmp_path), "validation photos: 1 has other contents (41)")
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
