"""RRDBNet and SRVGGNetCompact, written as PyTorch modules with their programs' names, against what we make of them."""

import json
import tarfile
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pytest
import safetensors.torch
from PIL import Image
from safetensors.numpy import save_file

import jaxsr
from jaxsr.errors import InputError
from jaxsr.models import Compact, RRDBNet
from jaxsr.weights.opening import open_weights, port_generator
from jaxsr.weights.porting import read_tensors

torch = pytest.importorskip("torch", reason="the oracle is PyTorch: pip install '.[oracles]'")
torch_community = pytest.importorskip("torch_community")

PUBLISHED = Path(__file__).parents[3] / "shared/data/weights/realesrgan"

TorchRRDBNet = partial(torch_community.RRDBNet, 8, 4, 1)
TorchCompact = partial(torch_community.Compact, features=8, convolutions=3)


def old_names(state):
    """As ESRGAN's first release called them."""
    blocks = 1
    tails = {
        "conv_first": "model.0",
        "conv_body": f"model.1.sub.{blocks}",
        "conv_up1": "model.3",
        "conv_up2": "model.6",
    }
    tails |= {"conv_hr": "model.8", "conv_last": "model.10"}
    renamed = {}
    for name, value in state.items():
        head, _, rest = name.partition(".")
        if head == "body":
            number, dense, layer, kind = rest.split(".")
            name = f"model.1.sub.{number}.RDB{dense[-1]}.conv{layer[-1]}.0.{kind}"
        else:
            name = f"{tails[head]}.{rest}"
        renamed[name] = value
    return renamed


def trunk_names(state):
    """As ESRGAN's RRDBNet_arch.py calls them."""
    heads = {"conv_body": "trunk_conv", "conv_hr": "HRconv", "conv_up1": "upconv1", "conv_up2": "upconv2"}
    renamed = {}
    for name, value in state.items():
        head, _, rest = name.partition(".")
        rest = rest.replace("rdb", "RDB") if head == "body" else rest
        renamed[f"{'RRDB_trunk' if head == 'body' else heads.get(head, head)}.{rest}"] = value
    return renamed


FILES = {
    "rrdbnet": (TorchRRDBNet, lambda s: {"params_ema": s}),
    "rrdbnet of another width": (lambda: torch_community.RRDBNet(12, 8, 1), lambda s: s),
    "rrdbnet at ×2": (lambda: TorchRRDBNet(scale=2), lambda s: s),
    "rrdbnet at ×1": (lambda: TorchRRDBNet(scale=1), lambda s: s),
    "rrdbnet by its old names": (TorchRRDBNet, old_names),
    "rrdbnet by its current names": (TorchRRDBNet, trunk_names),
    "compact": (TorchCompact, lambda s: {"params": s}),
    "compact at ×2": (lambda: torch_community.Compact(2, 12, 4), lambda s: s),
}


def randomised(twin, seed=0):
    generator = torch.Generator().manual_seed(seed)
    for name, value in twin.state_dict().items():
        if value.ndim == 1:
            value.copy_((0.1 if name.endswith("weight") else -0.2) + 0.4 * torch.rand(value.shape, generator=generator))
    return twin.eval()


@pytest.mark.parametrize("name", FILES)
def test_a_file_upscales_as_its_program_does(name, tmp_path):
    make, stored = FILES[name]
    twin = randomised(make())
    path = tmp_path / "theirs.pth"
    torch.save(stored(twin.state_dict()), path)
    weights = open_weights(path)
    # Seven rows are no multiple of the squares that are unshuffled at ×1 and ×2.
    x = np.random.default_rng(0).random((1, 7, 14, 3), np.float32)
    with torch.no_grad():
        theirs = twin(torch.from_numpy(x.transpose(0, 3, 1, 2))).numpy().transpose(0, 2, 3, 1)
    ours = (jax.jit(weights.model.apply)(weights.variables, x) + 1) / 2
    np.testing.assert_allclose(ours, theirs, atol=1e-5 * max(1, np.abs(theirs).max()))
    # These reach no farther than their halo; the published RRDBNet of 23 blocks does.
    halo = weights.model.halo
    assert halo == getattr(weights.model, "reach", halo)
    if name in ("rrdbnet of another width", "rrdbnet by its old names", "rrdbnet by its current names"):
        # Read, they are networks as the others.
        return
    picture = np.random.default_rng(1).random((2 * halo + 15, 2 * halo + 27, 3), np.float32)
    for options, image in (({}, picture), ({"back_project": 1}, picture[..., 0])):
        whole, tiled = (jaxsr.load(path, tile=2 * halo + more, **options) for more in (32, 12))
        np.testing.assert_allclose(whole(image), tiled(image), atol=1e-5)


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason=f"{PUBLISHED} is not here")
@pytest.mark.parametrize(
    ("name", "twin"),
    [
        ("realesrgan-x4plus.safetensors", torch_community.RRDBNet),
        ("realesrgan-x4plus-anime.safetensors", partial(torch_community.RRDBNet, blocks=6)),
        ("realesr-animevideov3-x4.pth", torch_community.Compact),
        ("realesr-animevideov3-x4.param", torch_community.Compact),
    ],
)
def test_the_published_files_upscale_as_their_program_does(name, twin):
    twin = twin().eval()
    twin.load_state_dict({name: torch.tensor(value) for name, value in read_tensors(PUBLISHED / name).items()})
    photo = np.asarray(Image.open(Path(jaxsr.__file__).parent / "samples/flowers.jpg").convert("RGB"))[100:132, 50:90]
    x = photo[None].astype(np.float32) / 255
    with torch.no_grad():
        theirs = twin(torch.from_numpy(x.transpose(0, 3, 1, 2))).numpy().transpose(0, 2, 3, 1)
    weights = open_weights(PUBLISHED / name)
    # Op by op: its hundreds of convolutions are of few shapes, each of which is compiled once.
    ours = (weights.model.apply(weights.variables, x) + 1) / 2
    assert theirs.std() > 0.05
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_half_precision_and_safetensors_are_read(tmp_path):
    twin = randomised(TorchCompact())
    safetensors.torch.save_file({k: v.half() for k, v in twin.state_dict().items()}, tmp_path / "half.safetensors")
    kernel = open_weights(tmp_path / "half.safetensors").variables["params"]["conv_0"]["kernel"]
    assert kernel.dtype == np.float32
    expected = twin.body[0].weight.detach().numpy().transpose(2, 3, 1, 0)
    np.testing.assert_allclose(kernel, expected, rtol=1e-3)


def test_lornatangs_suffix_is_that_of_a_pytorch_file(tmp_path):
    twin = randomised(TorchCompact())
    torch.save({"state_dict": twin.state_dict()}, tmp_path / "theirs.pth.tar")
    kernel = open_weights(tmp_path / "theirs.pth.tar").variables["params"]["conv_0"]["kernel"]
    np.testing.assert_array_equal(kernel, twin.body[0].weight.detach().numpy().transpose(2, 3, 1, 0))
    assert "'theirs'" in repr(jaxsr.load(tmp_path / "theirs.pth.tar"))
    with tarfile.open(tmp_path / "real.tar", "w") as archive:
        archive.add(tmp_path / "theirs.pth.tar", "theirs.pth.tar")
    with pytest.raises(InputError, match=r"real\.tar: a tar archive; unpack it"):
        jaxsr.load(tmp_path / "real.tar")


def test_networks_that_are_not_read_are_refused_for_the_true_reason(tmp_path):
    torch.save(torch_community.Compact(1, 8, 3).state_dict(), tmp_path / "one.pth")
    with pytest.raises(InputError, match="an SRVGGNetCompact at ×1, which is not supported"):
        jaxsr.load(tmp_path / "one.pth")
    # BasicSR's EDSR begins as its MSRResNet does, but enlarges by other tensors.
    names = ("conv_first", "body.0.conv1", "body.0.conv2", "conv_after_body", "upsample.0", "conv_last")
    torch.save({f"{name}.weight": torch.zeros(8, 8, 3, 3) for name in names}, tmp_path / "edsr.pth")
    with pytest.raises(InputError, match=r"not the tensors of this layout: upconv1\.weight is missing"):
        jaxsr.load(tmp_path / "edsr.pth")


def test_numbers_that_numpy_lacks_are_named(tmp_path):
    state = {name: value.to(torch.float8_e4m3fn) for name, value in TorchCompact().state_dict().items()}
    path = tmp_path / "eight.safetensors"
    for metadata in (None, {"card": json.dumps({"format": "jaxsr", "architecture": {}})}):
        safetensors.torch.save_file(state, path, metadata=metadata)
        with pytest.raises(InputError, match=r"eight\.safetensors: .* F8_E4M3, which .* float16 or float32"):
            jaxsr.load(path)


def test_the_published_ones_have_their_parameters():
    def counted(model):
        shapes = jax.eval_shape(model.init, jax.random.key(0), np.zeros((1, 8, 8, 3), np.float32))
        return sum(leaf.size for leaf in jax.tree.leaves(shapes))

    one, two = (counted(RRDBNet(blocks=blocks)) for blocks in (1, 2))
    # Each block has as many as any other.
    assert [one + (blocks - 1) * (two - one) for blocks in (RRDBNet().blocks, 6)] == [16_697_987, 4_467_779]
    assert counted(Compact()) == 621_424


def test_a_file_of_no_chain_of_layers_is_no_compact_network(tmp_path):
    torch.save({"conv_first.weight": torch.zeros(8, 3, 3, 3)}, tmp_path / "theirs.pth")
    with pytest.raises(InputError, match=r"theirs\.pth: not the tensors of this layout: body\.0\.weight is missing"):
        port_generator(tmp_path / "theirs.pth", "compact", origin="", licence="")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (300_000, "7 tensors are not the 300001 layers"),
        ("4" * 5000, "body.444"),
        (6, "9 missing"),
    ],
    ids=["far", "endless", "near"],
)
def test_a_number_in_a_name_does_not_decide_how_long_it_takes(number, words, tmp_path):
    names = ("body.0.weight", f"body.{number}.weight", *(f"more.{i}" for i in range(5)))
    save_file({name: np.zeros((12, 12, 3, 3), np.float32) for name in names}, tmp_path / "theirs.safetensors")
    with pytest.raises(InputError) as caught:
        jaxsr.load(tmp_path / "theirs.safetensors")
    assert words in str(caught.value)


def test_a_kernel_without_values_is_no_convolution(tmp_path):
    torch.save({"block1.0.weight": torch.zeros(0, 3, 9, 9)}, tmp_path / "theirs.pth")
    with pytest.raises(InputError, match=r"theirs\.pth: .*block1\.0\.weight is missing or not a convolution"):
        jaxsr.load(tmp_path / "theirs.pth")


def test_an_rrdbnet_that_is_not_for_rgb_is_refused(tmp_path):
    state = TorchRRDBNet().state_dict() | {"conv_first.weight": torch.zeros(8, 4, 3, 3)}
    torch.save(state, tmp_path / "theirs.pth")
    with pytest.raises(InputError, match="4 input channels is not for RGB, which has 3 at ×4, 12 at ×2, 48 at ×1"):
        jaxsr.load(tmp_path / "theirs.pth")
