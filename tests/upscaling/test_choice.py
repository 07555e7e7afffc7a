"""The rule, the upscaler that goes by it, and what a person is told."""

import io
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tyro
from PIL import Image
from random_networks import random_variables

import jaxsr
from jaxsr.commands.upscale import main
from jaxsr.errors import InputError
from jaxsr.evaluation.photos import find_set, read_set
from jaxsr.evaluation.protocol import hr_and_lr
from jaxsr.imaging.quality import Traces
from jaxsr.models import ESPCN
from jaxsr.upscaling.choice import choose, choose_for
from jaxsr.upscaling.existing import list_jobs
from jaxsr.upscaling.plan import Job
from jaxsr.weights import Weights, save_weights, store

ROOT = Path(__file__).parents[2]
SETS = [ROOT / "tests" / "data" / name for name in ("Set5", "Set14")]
CLEAN = {name: hr_and_lr(photo, scale=4)[1] for path in SETS for name, photo in read_set(find_set(path)[1])}


@pytest.fixture(scope="module", autouse=True)
def bundled(tmp_path_factory):
    """Small networks in place of the bundled ones."""
    folder, model = tmp_path_factory.mktemp("bundled"), ESPCN()
    for seed, name in enumerate(("srresnet", "srresnet_real")):
        save_weights(folder / f"{name}.safetensors", Weights(model, random_variables(model, seed), {}))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(store, "BUNDLED", folder)
        yield


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A clean PNG and a JPEG of quality 60, of 40×36 pixels."""
    folder = tmp_path_factory.mktemp("pictures")
    small = Image.fromarray(CLEAN["butterfly"][:36, :40])
    small.save(folder / "clean.png")
    small.save(folder / "web.jpg", quality=60)
    return folder


@pytest.mark.parametrize(
    ("found", "faithful", "why"),
    [
        (Traces(None, None, 1.0), "srresnet", "no traces"),
        (Traces(97, None, 1.0), "srresnet", "quality 97"),
        (Traces(None, 95, 1.0), "srresnet", "traces of a JPEG of quality 95, no noise"),
        (Traces(94, None, 0.0), "srresnet_real", "JPEG of quality 94"),
        (Traces(None, 94, 0.0), "srresnet_real", "traces of a JPEG of quality 94"),
        (Traces(97, 60, 0.0), "srresnet_real", "traces of a JPEG of quality 60"),
        (Traces(98, 98, 6.2), "srresnet_real", "noise of 6.2"),
    ],
)
def test_the_rule(found, faithful, why):
    choice, sharp = (choose(found, sharp=sharp) for sharp in (False, True))
    assert choice.model == faithful
    assert sharp.model == faithful.replace("srresnet", "srgan")
    assert why in choice.reason


def test_clean_pictures_get_the_clean_network():
    chosen = [choose_for(picture, sharp=False).model for picture in CLEAN.values()]
    assert chosen.count("srresnet") >= 0.95 * len(chosen) == 0.95 * 19


@pytest.mark.parametrize("quality", [30, 75, 90])
def test_jpegs_get_the_one_for_real_photos(quality, tmp_path):
    for name, picture in CLEAN.items():
        Image.fromarray(picture).save(tmp_path / f"{name}.jpg", quality=quality)
        assert choose_for(tmp_path / f"{name}.jpg", sharp=True).model == "srgan_real"


def test_noise_is_seen():
    picture = CLEAN["baby"]
    noisy = np.clip(picture + np.random.default_rng(0).normal(0, 15, picture.shape), 0, 255).astype(np.uint8)
    assert choose_for(noisy, sharp=False).model == "srresnet_real"


def test_a_jpeg_that_was_saved_again_is_seen(tmp_path):
    file = io.BytesIO()
    Image.fromarray(CLEAN["baby"]).save(file, "JPEG", quality=72)
    # As long as it is Pillow's JPEG image, its tables tell.
    assert choose_for(Image.open(file), sharp=False).reason == "JPEG of quality 72"
    Image.open(file).save(tmp_path / "again.png")
    Image.open(file).convert("RGBA").save(tmp_path / "transparent.png")
    for name in ("again.png", "transparent.png"):
        chosen = choose_for(tmp_path / name, sharp=False)
        assert chosen == ("srresnet_real", "traces of a JPEG of quality 72")


def test_the_automatic_upscaler_is_the_chosen_one(pictures):
    automatic = jaxsr.load(tile=256)
    assert (automatic.name, automatic.scale) == ("auto", 4)
    for name, model in (("clean.png", "srresnet"), ("web.jpg", "srresnet_real")):
        upscaler, choice = automatic.fitting(pictures / name)
        assert choice.model == upscaler.name == model
        expected = np.asarray(jaxsr.load(model, tile=256)(pictures / name))
        np.testing.assert_array_equal(np.asarray(automatic(pictures / name)), expected)


def test_each_image_of_a_batch_has_its_own_network():
    clean = CLEAN["bird"][:48, :48]
    noisy = np.uint8(np.clip(clean + np.random.default_rng(0).normal(0, 20, clean.shape), 0, 255))
    expected = [jaxsr.load(model)(image) for model, image in (("srresnet", clean), ("srresnet_real", noisy))]
    np.testing.assert_array_equal(jaxsr.load()(np.stack([clean, noisy])), np.stack(expected))


def test_what_does_not_go_together_is_refused():
    for name in ("srresnet", "srgan"):
        with pytest.raises(InputError, match=f"for the model auto: leave out either it or the model {name}"):
            jaxsr.load(name, sharp=True)
    with pytest.raises(InputError, match="base"):
        jaxsr.load(base="srresnet")


@pytest.mark.parametrize("shape", [(40, 36, 1), (40, 36, 2), (40,), (0, 40, 36, 3)])
def test_the_automatic_upscaler_refuses_the_same_arrays_as_others(shape):
    said = []
    for upscaler in (jaxsr.load(), jaxsr.load("bicubic")):
        with pytest.raises(InputError) as caught:
            upscaler(np.zeros(shape, np.uint8))
        said.append(str(caught.value))
    assert said[0] == said[1]


def test_the_command_says_which_and_why_and_reports_it(pictures, tmp_path, capsys):
    report = tmp_path / "report.json"
    command = [pictures, "-o", tmp_path / "out", "--json", report, "--no-cache"]
    assert tyro.cli(main, args=[*map(str, command)]) == 0
    told = capsys.readouterr().err
    assert f"{pictures / 'web.jpg'}: by srresnet_real (JPEG of quality 60)" in told
    assert f"{pictures / 'clean.png'}: by srresnet (no traces of JPEG or noise)" in told
    rows = {Path(row["source"]).name: row for row in json.loads(report.read_text())["pictures"]}
    assert (rows["web.jpg"]["model"], rows["web.jpg"]["why"]) == ("srresnet_real", "JPEG of quality 60")
    assert rows["clean.png"]["model"] == "srresnet"


def test_a_dry_run_says_which_and_why_and_which_cannot_be_read(pictures, tmp_path, capsys):
    """As far as the command's own part goes, which needs no network."""
    (tmp_path / "broken.png").write_bytes((pictures / "clean.png").read_bytes()[:200])
    (tmp_path / "there.png").touch()
    jobs = [Job(pictures / name, tmp_path / f"{name}.png") for name in ("clean.png", "web.jpg")]
    jobs += [
        Job(tmp_path / "broken.png", tmp_path / "absent.png"),
        Job(tmp_path / "broken.png", tmp_path / "there.png"),
    ]
    assert list_jobs(jobs, existing="keep", choose=partial(choose_for, sharp=True)) == 1
    told = capsys.readouterr()
    assert told.out.splitlines() == [
        f"upscale: {jobs[0].source} -> {jobs[0].target} by srgan (no traces of JPEG or noise)",
        f"upscale: {jobs[1].source} -> {jobs[1].target} by srgan_real (JPEG of quality 60)",
        f"skip: {jobs[3].source} -> {jobs[3].target}",
    ]
    assert told.err.startswith(f"error: {tmp_path / 'broken.png'}: ")
    assert told.err.count("\n") == 1
    with pytest.raises(InputError, match=r"broken\.png"):
        list_jobs(jobs[2:3], existing="refuse", choose=partial(choose_for, sharp=True))
