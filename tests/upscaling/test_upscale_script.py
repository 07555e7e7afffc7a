"""scripts/upscale.py as a person runs it, and the command that it calls."""

import json
import os
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
import tyro
from forked import run
from PIL import Image

import jaxsr
from jaxsr.commands.upscale import main
from jaxsr.errors import reported
from jaxsr.models import ESPCN
from jaxsr.weights import Weights, save_weights

SCRIPT = Path(__file__).parents[2] / "scripts/upscale.py"


def upscale(*arguments):
    return run([sys.executable, SCRIPT, *map(str, arguments)], cwd=SCRIPT.parents[1])


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    model = ESPCN(scale=2)
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save_weights(path, Weights(model, model.init(jax.random.key(0), jnp.zeros((1, 8, 8, 3))), {}))
    return path


@pytest.fixture
def photo(tmp_path):
    """A file of 70×50 random pixels."""
    path = tmp_path / "photo.png"
    pixels = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def upscale_here(*arguments):
    """The exit code of the command, in this process."""
    with reported():
        return tyro.cli(main, args=[*map(str, arguments), "--no-cache"])


@pytest.fixture
def refused(capsys):
    """Whether the command ends with one sentence that has these words, and exit code 2."""

    def _refused(*arguments, words):
        with pytest.raises(SystemExit) as ended:
            upscale_here(*arguments)
        told = capsys.readouterr()
        assert (told.out, told.err.count("\n")) == ("", 1)
        assert told.err.startswith("error: ")
        assert all(str(word) in told.err for word in words), told.err
        return ended.value.code == 2

    return _refused


def test_a_picture_becomes_a_larger_picture(tmp_path, photo, weights):
    result = upscale(photo, "-o", tmp_path / "new/larger.png", "--model", weights, "--tile", 40)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"{tmp_path}/new/larger.png\n"
    written = Image.open(tmp_path / "new/larger.png")
    assert written.size == (140, 100)
    # The network was run in tiles here, and in one piece there: a rounding may fall on the other side.
    expected = jaxsr.load(weights)(np.asarray(Image.open(photo)))
    assert np.abs(np.asarray(written).astype(int) - expected).max() <= 1
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["larger.png"]


def test_several_pictures_go_into_a_folder_past_the_bad_ones(tmp_path, photo):
    broken, text, gray = tmp_path / "broken.png", tmp_path / "text.png", tmp_path / "gray.jpg"
    broken.write_bytes(photo.read_bytes()[:2000])
    text.write_text("no picture")
    Image.open(photo).convert("L").save(gray)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    out = tmp_path / "out"
    result = upscale(broken, photo, tmp_path / "absent.png", text, gray, "-o", out, "--model", "bicubic")
    assert result.returncode == 1
    errors = result.stderr.splitlines()
    assert [line.split(": ")[:2] for line in errors[:3]] == [
        ["error", str(path)] for path in (broken, tmp_path / "absent.png", text)
    ]
    assert errors[3:] == ["2 of 5 pictures upscaled, 0 skipped, 3 failed"]
    assert sorted(path.name for path in out.iterdir()) == ["gray_x4.png", "photo_x4.png"]
    with Image.open(out / "gray_x4.png") as written:
        assert written.mode == "L"
    expected = jaxsr.load("bicubic")(np.asarray(Image.open(photo)))
    np.testing.assert_array_equal(np.asarray(Image.open(out / "photo_x4.png")), expected)
    assert {path: path.read_bytes() for path in before} == before


def test_a_jpeg_has_full_colour_resolution(tmp_path, photo):
    assert upscale_here(photo, "-o", tmp_path / "larger.JPG", "--model", "nearest") == 0
    with Image.open(tmp_path / "larger.JPG") as written:
        assert (written.format, written.size) == ("JPEG", (280, 200))
        # All components are sampled alike: 4:4:4.
        assert {layer[1:3] for layer in written.layer} == {(1, 1)}


def test_bad_pictures_are_refused_in_one_sentence(tmp_path, photo):
    output = tmp_path / "larger.png"
    result = upscale(tmp_path / "absent.png", "-o", output, "--model", "bicubic")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"error: {tmp_path}/absent.png: No such file or directory\n"
    assert not output.exists()


def test_unusable_pictures_and_outputs_are_refused_in_one_sentence(tmp_path, photo, refused):
    broken = tmp_path / "broken.png"
    broken.write_bytes(photo.read_bytes()[:2000])
    before = {path: path.read_bytes() for path in (photo, broken)}
    bicubic = ("--model", "bicubic")
    assert refused(broken, "-o", tmp_path / "larger.png", *bicubic, words=[broken])
    assert refused(photo, "-o", photo / "x.png", *bicubic, words=[photo, "is a file"])
    assert refused(photo, "-o", photo, *bicubic, words=[photo, "replace an input"])
    assert refused(photo, "-o", tmp_path / "larger.xyz", *bicubic, words=["larger.xyz", ".png, .jpg"])
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_unusable_weights_are_refused_in_one_sentence(tmp_path, photo, weights, refused):
    output = tmp_path / "larger.png"
    assert refused(photo, "-o", output, "--model", "srresmet", words=["srresmet", "bundled: "])
    assert refused(photo, "-o", output, "--model", photo, words=[photo, "not a readable safetensors file"])
    other = tmp_path / "other.safetensors"
    card = {"format": "jaxsr", "architecture": {"name": "srresnet", "fields": {"scale": 2}}}
    tensors = safetensors.numpy.load_file(weights)
    other.write_bytes(safetensors.numpy.save(tensors, metadata={"card": json.dumps(card)}))
    assert refused(photo, "-o", output, "--model", other, words=[other, "srresnet ×2", "missing", "unexpected"])
    assert not output.exists()


def test_a_dry_run_takes_no_report_and_a_size_has_one_name(tmp_path, photo, refused, capsys):
    command = (photo, "-o", f"{tmp_path}/out/", "--model", "bicubic", "--size", " 5X7", "--dry-run")
    assert upscale_here(*command) == 0
    assert capsys.readouterr().out == f"upscale: {photo} -> {tmp_path}/out/photo_5x7.png\n"
    assert refused(*command, "--json", tmp_path / "report.json", words=["--dry-run writes no report"])


def test_quality_is_what_is_asked_for(tmp_path, photo, refused, capsys):
    steps = []
    for quality in (40, 95):
        options = ("--model", "bicubic", "--quality", quality)
        assert upscale_here(photo, "-o", tmp_path / f"{quality}.jpg", *options) == 0
        with Image.open(tmp_path / f"{quality}.jpg") as written:
            steps.append(written.quantization[0][0])
    # The tables of libjpeg: at quality 40 a step of 20 in the first place of luma, at 95 one of 2.
    assert steps == [20, 2]
    capsys.readouterr()
    assert refused(photo, "-o", tmp_path / "0.jpg", "--quality", 0, words=["--quality 0", "1 to 100"])


def test_an_animation_a_jpeg_cut_short_and_times_in_a_folder(tmp_path):
    frames = [Image.fromarray(np.full((9, 9, 3), shade, np.uint8)) for shade in (0, 255)]
    folder = tmp_path / "in"
    folder.mkdir()
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(folder / "short.jpg")
    (folder / "short.jpg").write_bytes((folder / "short.jpg").read_bytes()[:2500])
    os.utime(folder / "moving.gif", (10**9, 10**9))
    options = ("--model", "bicubic")
    result = upscale(folder, "-o", tmp_path / "out", *options, "--keep-times")
    assert result.returncode == 1
    assert f"error: {folder}/short.jpg: cannot be read as a picture" in result.stderr
    assert (tmp_path / "out/moving_x4.png").stat().st_mtime == 10**9
    with Image.open(tmp_path / "out/moving_x4.png") as written:
        assert written.n_frames == 2
        written.seek(1)
        assert np.asarray(written.convert("L")).min() == 255
    result = upscale(folder, "-o", tmp_path / "first", *options, "--first-frame", "--salvage", "--format", "jpg")
    assert result.returncode == 0
    assert f"{folder}/moving.gif: the first of 2 pictures\n" in result.stderr
    assert f"{folder}/short.jpg: cut short: " in result.stderr
    with Image.open(tmp_path / "first/moving_x4.jpg") as written:
        assert np.asarray(written.convert("L")).max() == 0
