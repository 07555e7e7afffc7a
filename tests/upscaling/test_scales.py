"""The network of a scale, where several of one family are bundled. Small ones of three scales stand in for them."""

from pathlib import Path

import numpy as np
import pytest
import tyro
from PIL import Image
from random_networks import images, save_family

import jaxsr
from jaxsr.commands.upscale import main
from jaxsr.errors import InputError
from jaxsr.evaluation.scoring import load_models
from jaxsr.upscaling.choice import OF_SCALE, of_scale
from jaxsr.weights import store

NAMES = {2: "srresnet_x2", 4: "srresnet", 8: "srresnet_x8"}


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """A folder of small networks of all scales."""
    folder = tmp_path_factory.mktemp("family")
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(OF_SCALE, "srresnet", NAMES)
        save_family(folder, NAMES)
    return folder


@pytest.fixture
def family(networks, monkeypatch):
    monkeypatch.setattr(store, "BUNDLED", networks)
    monkeypatch.setitem(OF_SCALE, "srresnet", NAMES)


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "small.png"
    Image.fromarray(np.asarray(Image.open(Path(jaxsr.__file__).parent / "samples/small/dog.png"))[:24, :20]).save(path)
    return path


def test_a_result_without_pixels_is_refused(picture, tmp_path, capfd):
    for refused in (
        lambda: jaxsr.load("nearest", scale=1e-12)(images(12, 10)),
        lambda: jaxsr.upscale(picture, tmp_path / "none.png", model="nearest", scale=1e-12),
    ):
        with pytest.raises(InputError, match=r"scale 1e-12: nothing is left of a picture of \d+ × \d+ pixels"):
            refused()
    assert capfd.readouterr().err == ""
    assert jaxsr.load("nearest", scale=1e-3)(images(12, 10)).shape[:2] == (1, 1)


SERVED = [(0.5, 2), (1.5, 2), (2, 2), (2.01, 4), (3, 4), (4, 4), (4.5, 8), (8, 8), (12, 8)]


@pytest.mark.parametrize(("scale", "network"), SERVED)
def test_the_smallest_network_that_reaches_the_scale(family, scale, network):
    assert of_scale("srresnet", scale) == NAMES[network]
    taken = jaxsr.load("srresnet", scale=scale)
    assert (taken.name, taken.scale) == (NAMES[network], scale)


def test_the_network_of_a_scale_is_the_one_of_that_name(family):
    lr = images(12, 10)
    taken, own = jaxsr.load("srresnet", scale=1.5), jaxsr.load("srresnet_x2", scale=1.5)
    np.testing.assert_array_equal(taken(lr), own(lr))


def test_the_x4_does_what_no_other_network_is_there_for(family, tmp_path, monkeypatch):
    monkeypatch.setattr(store, "BUNDLED", tmp_path)
    for there, served in ((["srresnet"], ["srresnet", "srresnet"]), (["srresnet_x8"], ["srresnet", "srresnet_x8"])):
        for name in there:
            (tmp_path / f"{name}.safetensors").touch()
        assert [of_scale("srresnet", scale) for scale in (2, 8)] == served


def test_networks_named_otherwise_are_used_as_they_are(family, tmp_path):
    assert of_scale("srgan", 2) == "srgan"
    for name in ("srresnet_x2", store.BUNDLED / "srresnet.safetensors"):
        upscaler = jaxsr.load(name, scale=8)
        assert (upscaler.name, upscaler.scale, upscaler.choice) == (Path(name).stem, 8, None)


def test_auto_goes_by_the_scale_or_by_the_size_of_each_picture(family, picture):
    for scale, network in ((1.5, 2), (12, 8)):
        upscaler, choice = jaxsr.load(scale=scale).fitting(picture)
        assert upscaler.name == choice.model == NAMES[network]
    automatic = jaxsr.load()
    # Width and height: the picture has 20 × 24 pixels.
    for width, height, network in ((40, 48, 2), (20, 24, 2), (40, 49, 4), (41, 48, 4), (80, 96, 4), (160, 96, 8)):
        upscaler, choice = automatic.fitting(picture, to=(height, width))
        assert upscaler.name == choice.model == NAMES[network]
    assert automatic(picture, size=(height, width)) == upscaler(picture, size=(height, width))


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--model", "srresnet", "--scale", "2"], "by srresnet_x2 (srresnet for ×2)"),
        (["--scale", "6"], "by srresnet_x8 (no traces of JPEG or noise)"),
        (["--size", "40x"], "by srresnet_x2 (no traces of JPEG or noise)"),
        (["--model", "srresnet"], None),
        (["--model", "srresnet_x2", "--scale", "2"], None),
    ],
)
def test_the_command_says_which(family, picture, tmp_path, capsys, flags, told):
    line = [str(picture), "-o", str(tmp_path / "out.png"), "--no-cache", *flags]
    assert tyro.cli(main, args=[*line, "--dry-run"]) == 0
    assert ((told or "by ") in capsys.readouterr().out) == bool(told)
    assert tyro.cli(main, args=line) == 0
    assert ((told or "by ") in capsys.readouterr().err) == bool(told)


@pytest.mark.parametrize(("scale", "way_out"), [(2, "name srresnet_x2"), (5, "name a network of that scale")])
def test_the_evaluator_scores_a_network_at_its_own_scale_alone(family, scale, way_out):
    with pytest.raises(InputError, match=f"--scale {scale}: srresnet upscales by 4; {way_out}, or leave --scale out"):
        load_models(["srresnet"], scale=scale)
    (upscaler,) = load_models(["srresnet_x2"], scale=2).values()
    assert upscaler.scale == 2


def test_the_table_names_networks_of_those_scales():
    """Of the files that are there, the bundled ones themselves."""
    for networks in OF_SCALE.values():
        for scale, name in networks.items():
            if name in store.bundled_names():
                assert jaxsr.load(name).scale == scale
