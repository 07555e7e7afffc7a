"""The notebook, run for real."""

import base64
import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxsr.imaging.resize import resize_uint8

NOTEBOOK = Path(__file__).parents[2] / "examples/quickstart.ipynb"
nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
pytest.importorskip("ipykernel", reason="ipykernel is not installed")


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """The cells, each with what it printed and showed."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells)
    with warnings.catch_warnings():
        # What the kernel's own libraries have to say of sockets and event loops.
        warnings.simplefilter("ignore")
        folder = str(tmp_path_factory.mktemp("notebook"))
        nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": folder}}).execute()
    return notebook.cells


def texts(cells):
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return "\n".join(output.get("text", "") or output.data.get("text/plain", "") for output in outputs)


def pictures(cells):
    data = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    return [Image.open(io.BytesIO(base64.b64decode(one["image/png"]))) for one in data if "image/png" in one]


def test_pictures_are_shown(cells):
    before, after, file, strengths = pictures(cells)
    assert after.size == tuple(4 * length for length in before.size)
    assert file.size == tuple(3 * length for length in before.size)
    assert strengths.size == (960, 320)
    # The enlarged picture is a picture of the same.
    bicubic = resize_uint8(np.asarray(before.convert("RGB")), 4).astype(int)
    assert 0 < np.abs(np.asarray(after.convert("RGB")) - bicubic).mean() < 10


def test_what_it_says_of_quality_is_in_order(cells):
    lines = [line.split() for line in texts(cells).splitlines() if "PSNR" in line]
    decibel = {line[0]: float(line[2]) for line in lines}
    assert decibel["srresnet"] > decibel["bicubic"] > decibel["srgan"] > 15


def test_three_updates_are_done(cells):
    losses = [float(line.split()[-1]) for line in texts(cells).splitlines() if line.startswith("step ")]
    assert len(losses) == 3
    assert all(0 < loss < 0.2 for loss in losses)
