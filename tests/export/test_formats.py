"""Networks in other programs' hands: onnxruntime, jax.export and PyTorch's modules, against the network itself."""

import json

import jax
import numpy as np
import pytest
import tyro
from random_networks import images, random_variables

from jaxsr.export import command
from jaxsr.models import ESPCN, SRCNN, Compact, MSRResNet, RRDBNet, SRResNet
from jaxsr.weights import Weights, save_weights
from jaxsr.weights.opening import open_weights

onnx = pytest.importorskip("onnx", reason='exporting needs pip install "jaxsr[export]"')
onnxruntime = pytest.importorskip("onnxruntime", reason='exporting needs pip install "jaxsr[export]"')

MODELS = {
    "srresnet": SRResNet(features=8, blocks=1),
    "srresnet ×3, bounded": SRResNet(3, 8, 1, "tanh", "prelu", "imagenet"),
    "espcn": ESPCN(),
    "srcnn": SRCNN(kernels=(9, 5, 5)),
    "srcnn ×3": SRCNN(scale=3),
    "msrresnet": MSRResNet(features=8, blocks=1),
    "rrdbnet": RRDBNet(4, 8, 4, 1),
    "rrdbnet ×2": RRDBNet(2, 8, 4, 1),
    "rrdbnet ×1": RRDBNet(1, 8, 4, 1),
    "compact ×2": Compact(2, 8, 2),
}
# No multiple of the squares that RRDBNets unshuffle, nor of what the check of the export takes.
SIZES = ((1, 13, 22), (2, 7, 6))


def main(*, arguments):
    tyro.cli(command.main, args=arguments)


@pytest.fixture(params=MODELS)
def network(request, tmp_path):
    model = MODELS[request.param]
    save_weights(tmp_path / "mine.safetensors", Weights(model, random_variables(model), {"licence": "a test’s"}))
    return tmp_path / "mine.safetensors", open_weights(tmp_path / "mine.safetensors")


def run_onnx(path, x):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"input": np.ascontiguousarray(x.transpose(0, 3, 1, 2))})[0].transpose(0, 2, 3, 1)


def upscaled(weights, x):
    return np.clip((jax.jit(weights.model.apply)(weights.variables, x) + 1) / 2, 0, 1)


def test_onnxruntime_makes_the_same_picture(network, tmp_path):
    path, weights = network
    main(arguments=[str(path), str(tmp_path / "out.onnx"), "--format", "onnx"])
    for size in SIZES:
        x = images(*size)
        np.testing.assert_allclose(run_onnx(tmp_path / "out.onnx", x), upscaled(weights, x), atol=1e-5)
    model = onnx.load(tmp_path / "out.onnx")
    card = json.loads({entry.key: entry.value for entry in model.metadata_props}["card"])
    assert card == weights.card
    assert card["licence"] == "a test’s"
    assert not {"BatchNormalization", "Transpose"} & {node.op_type for node in model.graph.node}
