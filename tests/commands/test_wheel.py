"""The command of a wheel, in a virtual environment of its own, outside the checkout."""

import importlib.metadata
import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import jaxsr
from jaxsr.weights.store import load_weights

ROOT = Path(__file__).parents[2]
PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")
# Of the environment: it writes down each start of Python.
STARTS = """
import os, sys
with open(os.environ.get("STARTS", os.devnull), "a") as file:
    print(os.getpid(), sys.orig_argv[1:], os.environ.get("GLIBC_TUNABLES"), sep="|", file=file)
"""


def run(line, **options):
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "GLIBC_TUNABLES")}
    environment |= options.pop("environment", {})
    line = [*map(str, line)]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def binaries(tmp_path_factory):
    """Folder of the programs of an environment with the wheel, and of what it needs the packages of this one."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    run([*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT])
    (wheel,) = folder.glob("jaxsr-*.whl")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv/bin/python"
    run([*pip, "--python", python, "install", "--no-deps", "--no-index", wheel])
    packages = folder / "venv/lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
    (packages / "others.pth").write_text(sysconfig.get_path("purelib"))
    (packages / "sitecustomize.py").write_text(STARTS)
    where = run([python, "-c", "import jaxsr; print(jaxsr.__file__)"], cwd=folder).stdout.strip()
    assert Path(where) == packages / "jaxsr/__init__.py"
    return python.parent


def test_the_version(binaries, tmp_path):
    versions = (importlib.metadata.version(name) for name in ("jaxsr", "jax"))
    told = run([binaries / "jaxsr", "--version"], cwd=tmp_path).stdout
    assert told.startswith("jaxsr {}, jax {}\ndevice: ".format(*versions))


def test_a_picture_is_upscaled(binaries, tmp_path):
    Image.open(ROOT / "jaxsr/samples/small/dog.png").crop((0, 0, 40, 36)).save(tmp_path / "dog.png")
    done = run([binaries / "jaxsr", "upscale", "dog.png", "-o", "dog_x4.png", "--model", "espcn"], cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("dog_x4.png\n", "")
    expected = np.asarray(jaxsr.load("espcn")(tmp_path / "dog.png")).astype(int)
    assert np.abs(np.asarray(Image.open(tmp_path / "dog_x4.png")) - expected).max() <= 1


def test_a_recipe_is_trained_and_its_weights_scored(binaries, tmp_path):
    tiny = {"features": 4, "blocks": 1, "crop": 24, "batch-size": 2, "devices": 1, "steps": 2, "warmup": 1}
    flags = [word for name, value in tiny.items() for word in (f"--{name}", value)]
    recipe = ["--config", "srresnet_short", *flags]
    run([binaries / "jaxsr", "train", *recipe, "--data", "samples", "--workdir", "run"], cwd=tmp_path)
    card = load_weights(tmp_path / "run").card
    # One is the test's, the other the recipe's, and not that of the defaults.
    assert (card["recipe"]["steps"], card["recipe"]["schedule"]) == (2, "cosine")
    (tmp_path / "photos").mkdir()
    Image.open(ROOT / "jaxsr/samples/small/dog.png").save(tmp_path / "photos/dog.png")
    scored = ["evaluate", "--model", "run", "--data", "photos", "--lpips", "--json", "scores.json"]
    run([binaries / "jaxsr", *scored], cwd=tmp_path)
    (row,) = json.loads((tmp_path / "scores.json").read_text())["results"]
    assert row["card"] == card


@pytest.mark.skipif(not PAGES.is_file() or "[madvise]" not in PAGES.read_text(), reason="no pages for the asking here")
@pytest.mark.parametrize("program", [["jaxsr"], ["python", "-m", "jaxsr"]])
def test_training_starts_once_more_as_it_was_started(binaries, tmp_path, program):
    line = [binaries / program[0], *program[1:], "train", "--help"]
    assert run(line, cwd=tmp_path, environment={"STARTS": str(tmp_path / "starts")}).stdout.startswith("usage: jaxsr")
    first, second = [row.split("|") for row in (tmp_path / "starts").read_text().splitlines()]
    assert first[:2] == second[:2]
    assert (first[2], second[2]) == ("None", "glibc.malloc.hugetlb=1")
