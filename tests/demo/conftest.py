"""The page's process, and what is dropped on it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from page_server import ROOT, serving
from PIL import Image

from jaxsr.models import ESPCN
from jaxsr.weights.lineage import content_hash
from jaxsr.weights.store import Weights, save_weights


@pytest.fixture(scope="session")
def sharper(tmp_path_factory):
    """A run's folder with an SRGAN and the network that it descends from, so that it has a strength."""
    folder = tmp_path_factory.mktemp("runs") / "sharper"
    model = ESPCN(scale=2)
    base, top = (model.init(jax.random.key(seed), jnp.zeros((1, 8, 8, 3))) for seed in (0, 1))
    save_weights(folder / "start.safetensors", Weights(model, base, {}))
    card = {"recipe": {"stage": "srgan"}, "lineage": {"hash": content_hash(base)}}
    save_weights(folder / "best.safetensors", Weights(model, top, card))
    return folder


@pytest.fixture(scope="session")
def server(tmp_path_factory, sharper):
    with serving(
        tmp_path_factory.mktemp("server"), "--models", "espcn", "bicubic", sharper, "--max-megabytes", 4
    ) as it:
        yield it


@pytest.fixture(scope="session")
def photo():
    """Path of a real photo of 144×144 pixels."""
    return ROOT / "jaxsr/samples/small/dog.png"


@pytest.fixture(scope="session")
def large(tmp_path_factory):
    """A JPEG of some hundred tiles, which takes a while."""
    path = tmp_path_factory.mktemp("large") / "large.jpg"
    ramp = np.add.outer(np.arange(2400), np.arange(2400)) % 256
    Image.fromarray(ramp.astype(np.uint8)).convert("RGB").save(path)
    return path
