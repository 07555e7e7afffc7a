"""The training script in processes of its own, really killed."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from forked import Forked, run
from PIL import Image

from jaxsr.weights.lineage import ancestors, content_hash
from jaxsr.weights.store import load_weights

ROOT = Path(__file__).parents[2]
TINY = ["--features", "4", "--blocks", "1", "--crop", "24", "--batch-size", "4", "--ema", "0.9"]
# Programs with oneDNN's calls are compiled at each of the many starts; test_srgan_script has them.
TINY += ["--devices", "2", "--steps-per-dispatch", "2", "--kernels", "xla"]


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """Two folders, eight photos to train on and two to validate on, cut from the samples."""
    root = tmp_path_factory.mktemp("photos")
    for i, sample in enumerate(sorted((ROOT / "jaxsr" / "samples").glob("*.jpg"))[:5]):
        photo = Image.open(sample)
        for j in range(2):
            folder = root / ("validation" if i == 4 else "train")
            folder.mkdir(exist_ok=True)
            photo.crop((10, 200 * j, 110, 200 * j + 90)).save(folder / f"{i}{j}.png")
    return root


def command(*arguments, photos=None, workdir=None, stage="srresnet"):
    line = [sys.executable, str(ROOT / "scripts" / "train.py"), "--stage", stage]
    if photos:
        line += ["--data", str(photos / "train"), "--validation", str(photos / "validation")]
    if workdir:
        line += ["--workdir", str(workdir)]
    return [*line, *map(str, arguments)]


def alone(line):
    """`run` in a process that the shell's command itself would start, and that imports all by itself."""
    return subprocess.run(line, capture_output=True, text=True, timeout=300)


def wait_for_step(workdir, step, process):
    log = workdir / "metrics.jsonl"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        if log.exists() and any(f'"step": {n},' in log.read_text() for n in range(step, step + 50)):
            return
        time.sleep(0.02)
    raise AssertionError(f"step {step} was not reached")


@pytest.fixture(scope="session")
def uninterrupted(photos, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("uninterrupted") / "run"
    schedule = ["--steps", 120, "--checkpoint-every", 20, "--validate-every", 60]
    done = run(command(*TINY, *schedule, photos=photos, workdir=workdir))
    assert done.returncode == 0, done.stderr
    return workdir


def test_a_run_leaves_all_that_a_person_wants_to_see(uninterrupted):
    rows = [json.loads(line) for line in (uninterrupted / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "loss" in row] == list(range(2, 121, 2))
    assert [row["step"] for row in rows if "psnr_y" in row] == [0, 60, 120]
    assert [row["step"] for row in rows if "validation_loss" in row] == [0, 60, 120]
    strips = sorted(p.name for p in (uninterrupted / "strips").iterdir())
    assert strips == ["step-000000.png", "step-000060.png", "step-000120.png"]
    with Image.open(uninterrupted / "curves.png") as curves:
        assert curves.size[0] > 600
    assert any((uninterrupted / "tensorboard").iterdir())
    card = load_weights(uninterrupted / "last.safetensors").card
    assert card["steps"] == 120
    assert card["training_data"] == ["train"]
    assert card["validation"]["psnr_y"] == rows[-1]["psnr_y"]
    assert (uninterrupted / "best.safetensors").exists()


def killed(line, workdir, step, *, saving=None):
    """Kill a run when it has done `step` updates, or then as soon as it writes the checkpoint of step `saving`."""
    process = Forked(line)
    wait_for_step(workdir, step, process)
    while saving and process.poll() is None and not list((workdir / "checkpoints").glob(f"{saving}.*")):
        time.sleep(0.0005)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (workdir / "last.safetensors").exists()


def test_a_run_killed_three_times_ends_with_the_same_bits(uninterrupted, photos, tmp_path):
    workdir = tmp_path / "run"
    line = command(
        *TINY, "--steps", 120, "--checkpoint-every", 20, "--validate-every", 60, photos=photos, workdir=workdir
    )
    # Before its first checkpoint, while it saves one, and when it has a best score.
    for step, saving in ((4, None), (58, 60), (71, None)):
        killed(line, workdir, step, saving=saving)
    again = run(line)
    assert again.returncode == 0, again.stderr
    assert "resuming" in again.stdout
    for name in ("last.safetensors", "best.safetensors"):
        ours, theirs = (safetensors.numpy.load_file(folder / name) for folder in (workdir, uninterrupted))
        assert ours.keys() == theirs.keys()
        assert all(ours[key].tobytes() == theirs[key].tobytes() for key in ours)
    steps = [json.loads(row)["step"] for row in (workdir / "metrics.jsonl").read_text().splitlines() if '"loss"' in row]
    assert steps == list(range(2, 121, 2))


def test_ctrl_c_saves_and_says_how_to_go_on(photos, tmp_path):
    workdir = tmp_path / "run"
    line = command(*TINY, "--steps", 100_000, photos=photos, workdir=workdir)
    process = Forked(line)
    wait_for_step(workdir, 5, process)
    refused = run(line)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "start the same command again" in out
    saved = max(int(path.name) for path in (workdir / "checkpoints").iterdir())
    assert saved == json.loads((workdir / "metrics.jsonl").read_text().splitlines()[-1])["step"]
    assert_refused(refused, "in use")


def test_a_full_disk_is_one_sentence_and_with_room_again_it_goes_on(uninterrupted, photos, tmp_path):
    """On a real file system of few megabytes, where mounting one is allowed."""
    disk, kept = tmp_path / "disk", tmp_path / "last.safetensors"
    disk.mkdir()
    schedule = ["--steps", 120, "--checkpoint-every", 20, "--validate-every", 60]
    line = shlex.join(command(*TINY, *schedule, photos=photos, workdir=disk))
    if alone(["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", disk]).returncode:
        pytest.skip("mounting a file system is not allowed here")
    full = f"mount -t tmpfs -o size=3m tmpfs {disk} && head -c 1200000 /dev/zero > {disk}/other && {line}"
    again = f"rm {disk}/other; {line} && cp {disk}/last.safetensors {kept}"
    done = alone(["unshare", "-m", "sh", "-c", f"{full}; echo code $?; {again}"])
    assert_one_error(done, "disk", "MB", "free some space")
    assert "code 2" in done.stdout
    assert done.returncode == 0, done.stderr
    assert "resuming" in done.stdout
    ours, theirs = (safetensors.numpy.load_file(path) for path in (kept, uninterrupted / "last.safetensors"))
    assert all(ours[key].tobytes() == theirs[key].tobytes() for key in theirs)


def test_a_write_that_fails_ends_with_the_sentence(photos, tmp_path):
    """A limit on the size of files fails writes in the middle, which no look at the disk foresees."""
    workdir = tmp_path / "run"
    line = command(*TINY, "--steps", 4, photos=photos, workdir=workdir)
    done = alone(["prlimit", "--fsize=2048", *line])
    assert done.returncode == 2, done.stderr
    # Threads of orbax print tracebacks meanwhile, even into its line.
    assert len(re.findall(r"error: \S+: the checkpoint of step 0 could not be written", done.stderr)) == 1
    assert run(line).returncode == 0


def assert_refused(done, *words):
    assert done.returncode == 2, done.stderr
    assert_one_error(done, *words)


def assert_one_error(done, *words):
    assert "Traceback" not in done.stderr
    message = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(message) == 1, done.stderr
    for word in words:
        assert word in message[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--data", "nowhere"], ["nowhere", "no such folder"]),
        (["--data", "train", "--crop", "96"], ["none of these photos can be used"]),
        (["--data", "train", "--init", "broken.safetensors"], ["broken.safetensors"]),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(photos, tmp_path, arguments, words):
    (tmp_path / "train").symlink_to(photos / "train")
    (tmp_path / "broken.safetensors").write_bytes(b"\x10\x00not a weights file")
    done = run(command("--crop", 24, *arguments, "--steps", 1, "--workdir", "run"), cwd=tmp_path)
    assert_refused(done, *words)
    left = {path.name for path in (tmp_path / "run").iterdir()} if (tmp_path / "run").exists() else set()
    assert left <= {".lock", ".looks_hr.npz"}


def test_a_refused_start_leaves_the_earlier_run(uninterrupted, photos, tmp_path):
    workdir, small = shutil.copytree(uninterrupted, tmp_path / "run"), tmp_path / "small"
    before = {path: path.stat().st_mtime_ns for path in workdir.rglob("*") if path.name != ".lock"}
    small.mkdir()
    Image.new("RGB", (20, 20)).save(small / "20.png")
    line = command(*TINY, "--steps", 2, photos=photos, workdir=workdir)
    assert_refused(run([*line, "--no-resume", "--validation", str(small)]), "20×20", "too few for validation")
    assert {path: path.stat().st_mtime_ns for path in workdir.rglob("*") if path.name != ".lock"} == before


def test_a_stage_without_a_name_is_asked_for():
    missing = run([sys.executable, str(ROOT / "scripts" / "train.py"), "--stage"])
    assert missing.returncode == 2
    assert "None is unknown" not in missing.stderr
    assert "Missing value" in missing.stderr


def test_init_goes_on_from_the_weights_of_a_run(uninterrupted, photos, tmp_path):
    workdir = tmp_path / "run"
    still = ["--init", str(uninterrupted), "--steps", "1", "--learning-rate", "1e-30"]
    done = run(command(*TINY, *still, photos=photos, workdir=workdir))
    assert done.returncode == 0, done.stderr
    start, end = (load_weights(folder) for folder in (uninterrupted, workdir))
    for key in ("conv_first", "conv_last"):
        np.testing.assert_array_equal(start.variables["params"][key]["kernel"], end.variables["params"][key]["kernel"])
    assert end.card["lineage"]["recipe"]["steps"] == 120


def test_init_starts_another_scale_from_the_weights_of_a_run(uninterrupted, photos, tmp_path):
    line = [*TINY, "--init", str(uninterrupted), "--steps", "1", "--learning-rate", "1e-30", "--scale", "2"]
    done = run(command(*line, photos=photos, workdir=tmp_path / "run"))
    assert done.returncode == 0, done.stderr
    start, end = load_weights(uninterrupted), load_weights(tmp_path / "run")
    assert end.model.scale == 2
    first = [weights.variables["params"]["conv_first"]["kernel"] for weights in (start, end)]
    np.testing.assert_array_equal(*first)
    assert end.card["lineage"]["initialisation"] == "rescaled from ×4"
    assert ancestors(end.card)[-1] == content_hash(start.variables)


def test_check_data_tells_what_is_wrong_and_trains_nothing(photos, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut short")
    Image.new("RGB", (20, 20)).save(folder / "small.png")
    only_bad = run(command("--data", folder, "--check-data"))
    assert only_bad.returncode == 1, only_bad.stderr
    assert "broken.jpg" in only_bad.stdout
    assert "too small" in only_bad.stdout
    mixed = run(command("--data", folder, photos / "train", "--crop", 24, "--check-data"))
    assert mixed.returncode == 0, mixed.stderr
