"""The weights that a run starts from, and those that it refuses."""

import pytest
from random_networks import random_variables

from jaxsr.config import TrainConfig
from jaxsr.errors import InputError
from jaxsr.models import RRDBNet, SRResNet
from jaxsr.training.network import starting_point
from jaxsr.weights.store import Weights, save_weights


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A small network of each kind, ×4."""
    folder = tmp_path_factory.mktemp("files")
    for name, model in {"srresnet": SRResNet(features=4, blocks=1), "rrdbnet": RRDBNet(4, 8, 4, 1)}.items():
        save_weights(folder / f"{name}.safetensors", Weights(model, random_variables(model), {}))
    return folder


def started(files, stage, **values):
    small = {"features": 4, "blocks": 1, "init": str(files / "srresnet.safetensors")}
    return starting_point(TrainConfig(stage=stage, **small | values), resumed=False)


@pytest.mark.parametrize(
    ("stage", "values", "words"),
    [
        ("srresnet", {"init": "nobody"}, "nobody"),
        ("srresnet", {"features": 6}, 'another network .*"features": 4.* there, .*"features": 6.* here'),
        ("srresnet", {"scale": 3}, "--init .*×4 gives no start at ×3"),
        ("srgan", {"init": "srresnet"}, 'another network .*"features": 64.* there, .*"features": 4.* here'),
        ("srgan", {"init": "espcn"}, "another network .*espcn"),
        ("srgan", {"from_scratch": True}, "--from-scratch .*--init .*srresnet.safetensors"),
        ("srgan", {"scale": 2}, "upscales by 4, .*--stage srresnet --scale 2"),
        ("srgan", {"init": None}, "--init is missing: .*--from-scratch"),
    ],
)
def test_starts_that_do_not_fit_are_refused(files, stage, values, words):
    with pytest.raises(InputError, match=words):
        started(files, stage, **values)


def test_srgan_takes_an_rrdbnet_of_its_own_scale_alone(files):
    init = str(files / "rrdbnet.safetensors")
    assert started(files, "srgan", init=init).model == RRDBNet(4, 8, 4, 1)
    with pytest.raises(InputError, match=r'another network .*"scale": 4.* there, .*"scale": 2.* here'):
        started(files, "srgan", init=init, scale=2)
