"""Networks in other programs' hands: onnxruntime, jax.export and PyTorch's modules, against the network itself."""

import json
import sys
import zipfile
from functools import partial
from pathlib import Path

import jax
import jax.export
import numpy as np
import pytest
import tyro
from random_networks import images, random_variables

from jaxsr.commands.export import main
from jaxsr.errors import InputError
from jaxsr.export.files import open_network
from jaxsr.export.jax_program import exported_program
from jaxsr.export.state_dict import layout_of
from jaxsr.models import ESPCN, SRCNN, Compact, MSRResNet, RRDBNet, SRResNet
from jaxsr.weights import Weights, save_weights
from jaxsr.weights.opening import open_weights

onnx = pytest.importorskip("onnx", reason='exporting needs pip install "jaxsr[export]"')
onnxruntime = pytest.importorskip("onnxruntime", reason='exporting needs pip install "jaxsr[export]"')
onnx_graph = pytest.importorskip("jaxsr.export.onnx_graph")

MODELS = {
    "srresnet": SRResNet(features=8, blocks=1),
    "srresnet ×3, bounded": SRResNet(3, 8, 1, "tanh", "prelu", "imagenet"),
    "espcn": ESPCN(),
    "srcnn ×3": SRCNN(3, (9, 5, 5)),
    "msrresnet": MSRResNet(features=8, blocks=1),
    "rrdbnet ×2": RRDBNet(2, 8, 4, 1),
    "rrdbnet ×1": RRDBNet(1, 8, 4, 1),
    "compact ×2": Compact(2, 8, 2),
}


def upscaled(weights, x):
    return np.clip((jax.jit(weights.model.apply)(weights.variables, x) + 1) / 2, 0, 1)


def by_onnxruntime(model, x):
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(None, {"input": np.ascontiguousarray(x.transpose(0, 3, 1, 2))})[0].transpose(0, 2, 3, 1)


@pytest.mark.parametrize("name", MODELS)
def test_onnxruntime_and_jax_make_the_same_picture(name):
    model = MODELS[name]
    weights = Weights(model, random_variables(model), {"licence": "a test’s"})
    # No multiple of the squares that RRDBNets unshuffle, and not of one side.
    x = images(2, 7, 10)
    expected = upscaled(weights, x)
    assert expected.std() > 0.02
    graph = onnx_graph.onnx_model(weights)
    np.testing.assert_allclose(by_onnxruntime(graph.SerializeToString(), x), expected, atol=1e-5)
    # As another process would, from the bytes alone.
    program = jax.export.deserialize(exported_program(weights).serialize())
    by_jax = jax.jit(program.call)(x.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(by_jax, expected, atol=1e-5)
    assert set(program.platforms) == {"cpu", "cuda", "tpu"}
    assert "onednn" not in program.mlir_module()


@pytest.mark.parametrize("size", [(1, 1), (1, 6), (3, 2)])
def test_pictures_narrower_than_a_margin(size):
    x = images(1, *size)
    bicubic = open_network("bicubic")
    found = by_onnxruntime(onnx_graph.onnx_model(bicubic).SerializeToString(), x)
    np.testing.assert_allclose(found, upscaled(bicubic, x), atol=1e-5)


@pytest.mark.parametrize("float16", [False, True])
def test_the_command_writes_what_onnxruntime_takes_at_any_size(float16, tmp_path):
    path = tmp_path / "espcn.onnx"
    tyro.cli(main, args=["espcn", str(path), "--format", "onnx", *(["--float16"] if float16 else [])])
    model, weights = onnx.load(path), open_weights("espcn")
    assert json.loads({entry.key: entry.value for entry in model.metadata_props}["card"]) == weights.card
    tensors = {tensor.data_type for tensor in model.graph.initializer if len(tensor.dims) == 4}
    assert tensors == {onnx.TensorProto.FLOAT16 if float16 else onnx.TensorProto.FLOAT}
    for size in ((1, 9, 12), (3, 20, 5)):
        x = images(*size)
        np.testing.assert_allclose(by_onnxruntime(path, x), upscaled(weights, x), atol=2e-3 if float16 else 1e-5)


def test_the_command_writes_a_program_that_jax_reads(tmp_path):
    tyro.cli(main, args=["espcn", str(tmp_path / "espcn.stablehlo"), "--format", "stablehlo"])
    # As the guide says.
    program = jax.export.deserialize(bytearray((tmp_path / "espcn.stablehlo").read_bytes()))
    weights, x = open_weights("espcn"), images(1, 9, 12)
    by_jax = jax.jit(program.call)(x.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(by_jax, upscaled(weights, x), atol=1e-5)
    with zipfile.ZipFile(tmp_path / "espcn.stablehlo") as archive:
        assert json.loads(archive.read("card.json")) == weights.card


@pytest.mark.parametrize("name", ["leftthomas", "sgrvinod", "lornatang", "msrresnet", "rrdbnet", "compact"])
def test_pytorch_loads_a_pth_strictly_and_makes_the_same_picture(name, tmp_path):
    torch = pytest.importorskip("torch", reason="the oracle is PyTorch: pip install '.[oracles]'")
    import torch_community
    import torch_generators

    model, twin, key = {
        "leftthomas": (SRResNet(4, 64, 5, "tanh", "prelu"), torch_generators.leftthomas(64, 5), None),
        "sgrvinod": (SRResNet(4, 8, 2, "tanh", "norm", "imagenet"), torch_generators.sgrvinod(), None),
        "lornatang": (SRResNet(4, 8, 2), torch_generators.lornatang(), "state_dict"),
        "msrresnet": (MSRResNet(4, 8, 2), torch_generators.msrresnet(), "params"),
        "rrdbnet": (RRDBNet(2, 8, 4, 1), torch_community.RRDBNet(8, 4, 1, 2), "params"),
        "compact": (Compact(4, 8, 3), torch_community.Compact(features=8, convolutions=3), "params"),
    }[name]
    weights = Weights(model, random_variables(model), {"licence": "a test’s"})
    save_weights(tmp_path / "mine.safetensors", weights)
    tyro.cli(main, args=[str(tmp_path / "mine.safetensors"), str(tmp_path / "theirs.pth"), "--format", "pth"])
    stored = torch.load(tmp_path / "theirs.pth", weights_only=True)
    twin.load_state_dict(stored if key is None else stored[key], strict=True)
    x = images(1, 9, 12)
    with torch.no_grad():
        theirs = twin.eval()(torch.from_numpy(x.transpose(0, 3, 1, 2))).numpy().transpose(0, 2, 3, 1)
    ours = by_onnxruntime(onnx_graph.onnx_model(weights).SerializeToString(), x)
    np.testing.assert_allclose(np.clip(theirs, 0, 1), ours, atol=1e-5)
    with zipfile.ZipFile(tmp_path / "theirs.pth") as archive:
        (record,) = (record for record in archive.namelist() if record.endswith("/card.json"))
        assert json.loads(archive.read(record))["licence"] == "a test’s"


@pytest.mark.parametrize(
    "model",
    [
        SRResNet(4, 64, 16, "tanh"),
        SRResNet(4, 32, 5, "tanh"),
        SRResNet(3, 64, 5, "tanh"),
        SRResNet(3, 8, 2, "tanh", "norm", "imagenet"),
    ],
)
def test_a_pth_that_its_program_could_not_load_is_not_written(model):
    # leftthomas' generator has five blocks of 64 channels; its shuffles and sgrvinod's double the sides.
    with pytest.raises(InputError, match=f"no known program .* srresnet with scale={model.scale}, .*--format onnx"):
        layout_of(Weights(model, {"params": {"conv_first": {}}}, {}))


def broken(make, weights, **options):
    model = make(weights, **options)
    kernel = next(tensor for tensor in model.graph.initializer if len(tensor.dims) == 4)
    kernel.CopyFrom(onnx.numpy_helper.from_array(1.1 * onnx.numpy_helper.to_array(kernel), kernel.name))
    return model


def test_a_file_that_does_something_else_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_graph, "onnx_model", partial(broken, onnx_graph.onnx_model))
    with pytest.raises(InputError, match="differs from the network by"):
        tyro.cli(main, args=["espcn", str(tmp_path / "espcn.onnx"), "--format", "onnx"])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("package", "format", "extra"),
    [("onnxruntime", "onnx", "export"), ("flatbuffers", "stablehlo", "export"), ("torch", "pth", "torch")],
)
def test_what_is_not_installed_is_named_with_its_extra(package, format, extra, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=rf'--format {format} needs {package}: pip install "jaxsr\[{extra}\]"'):
        tyro.cli(main, args=["srresnet", str(tmp_path / f"out.{format}"), "--format", format])
    assert not list(tmp_path.iterdir())


def test_the_model_is_not_overwritten(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("theirs.pth").write_bytes(b"theirs")
    with pytest.raises(InputError, match="this would replace the input"):
        tyro.cli(main, args=["theirs.pth", str(tmp_path / "theirs.pth"), "--format", "pth"])
    assert Path("theirs.pth").read_bytes() == b"theirs"


def test_a_file_that_exists_is_replaced_only_when_asked(tmp_path):
    out = tmp_path / "espcn.stablehlo"
    out.write_bytes(b"of another day")
    arguments = ["espcn", str(out), "--format", "stablehlo"]
    with pytest.raises(InputError, match=r"espcn\.stablehlo exists already: give --overwrite to replace it"):
        tyro.cli(main, args=arguments)
    assert out.read_bytes() == b"of another day"
    tyro.cli(main, args=[*arguments, "--overwrite"])
    jax.export.deserialize(bytearray(out.read_bytes()))
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(InputError, match=r"folder\.onnx is a folder"):
        tyro.cli(main, args=["espcn", str(tmp_path / "folder.onnx"), "--format", "onnx", "--overwrite"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["espcn", "espcn.pth", "--format", "pth"],
            "--format pth: no known program has the architecture espcn",
        ),
        (
            ["bicubic", "bicubic.pth", "--format", "pth"],
            "an interpolation has none",
        ),
        (["espcn", "espcn.onnx", "--format", "stablehlo"], "give it a name in .stablehlo"),
        (["absent", "absent.onnx", "--format", "onnx"], "absent: no such weights file"),
    ],
)
def test_what_cannot_be_exported_is_said_in_one_sentence(arguments, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        tyro.cli(main, args=arguments)
    assert sentence in str(caught.value)
    assert not list(tmp_path.iterdir())
