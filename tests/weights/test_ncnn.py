"""Pairs of ncnn, written from PyTorch modules as Real-ESRGAN's are, against these modules."""

import itertools
import struct
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxsr
from jaxsr.errors import InputError
from jaxsr.weights.opening import open_weights
from jaxsr.weights.porting import read_tensors

torch = pytest.importorskip("torch", reason="the oracle is PyTorch: pip install '.[oracles]'")
torch_community = pytest.importorskip("torch_community")

PUBLISHED = Path(__file__).parents[3] / "shared/data/weights/realesrgan"


class Pair:
    """A .param and a .bin that grow by a layer at a time, and say the name of its result.

    Attributes:
      fused: activations are part of their convolutions and residuals are sums with factors, as in x4plus; or each is a
        layer.
      half: kernels are float16.
    """

    def __init__(self, state, *, fused=True, half=True):
        self.state, self.fused, self.half = state, fused, half
        self.lines, self.weights, self.numbers = [], b"", itertools.count()

    def layer(self, kind, inputs, options=""):
        name = f"blob_{next(self.numbers)}"
        self.lines.append(f"{kind:<16} {name}_layer {len(inputs)} 1 {' '.join([*inputs, name])} {options}")
        return name

    def conv(self, name, x, *, leaky=False):
        kernel, bias = (self.state[f"{name}.{kind}"].numpy() for kind in ("weight", "bias"))
        self.weights += struct.pack("<I", 0x01306B47 if self.half else 0)
        stored = kernel.astype(np.float16 if self.half else np.float32).tobytes()
        self.weights += stored + b"\0" * (-len(stored) % 4) + bias.tobytes()
        options = f"0={len(kernel)} 1=3 4=1 5=1 6={kernel.size}"
        if leaky and self.fused:
            return self.layer("Convolution", [x], f"{options} 9=2 -23310=1,2.000000e-01")
        y = self.layer("Convolution", [x], options)
        return self.layer("ReLU", [y], "0=2.000000e-01") if leaky else y

    def residual(self, x, y):
        """x + y / 5."""
        if self.fused:
            return self.layer("Eltwise", [y, x], "0=1 -23301=2,2.000000e-01,1.000000e+00")
        return self.layer("BinaryOp", [self.layer("BinaryOp", [y], "0=2 1=1 2=2.000000e-01"), x])

    def write(self, path):
        path.write_text(f"7767517\n{len(self.lines)} 99\n" + "\n".join(self.lines) + "\n")
        path.with_suffix(".bin").write_bytes(self.weights)
        return path


def rrdbnet(twin, **options):
    pair = Pair(twin.state_dict(), **options)
    image = pair.layer("Input", [])
    x = pair.layer("Reorg", [image], f"0={twin.unshuffle}") if twin.unshuffle > 1 else image
    first = y = pair.conv("conv_first", x)
    for i in range(len(twin.body)):
        inner = y
        for j in (1, 2, 3):
            seen, joined = [inner], inner
            for k in range(1, 5):
                seen.append(pair.conv(f"body.{i}.rdb{j}.conv{k}", joined, leaky=True))
                joined = pair.layer("Concat", seen if pair.fused else [joined, seen[-1]], "0=0")
            inner = pair.residual(inner, pair.conv(f"body.{i}.rdb{j}.conv5", joined))
        y = pair.residual(y, inner)
    y = pair.layer("BinaryOp", [first, pair.conv("conv_body", y)], "0=0")
    for name in ("conv_up1", "conv_up2"):
        y = pair.conv(name, pair.layer("Interp", [y], "0=1 1=2.000000e+00 2=2.000000e+00"), leaky=True)
    pair.conv("conv_last", pair.conv("conv_hr", y, leaky=True))
    return pair


def compact(twin, **options):
    pair = Pair(twin.state_dict(), **options)
    image = y = pair.layer("Input", [])
    for i in range(0, len(twin.body) - 1, 2):
        y = pair.layer("PReLU", [pair.conv(f"body.{i}", y)], f"0={len(twin.body[i + 1].weight)}")
        pair.weights += twin.body[i + 1].weight.detach().numpy().tobytes()
    y = pair.layer("PixelShuffle", [pair.conv(f"body.{len(twin.body) - 1}", y)], f"0={twin.scale}")
    pair.layer("BinaryOp", [y, pair.layer("Interp", [image], f"0=1 1={twin.scale} 2={twin.scale}")], "0=0")
    return pair


TWINS = {
    "x4": (lambda: torch_community.RRDBNet(8, 4, 2), rrdbnet),
    "x2": (lambda: torch_community.RRDBNet(8, 4, 1, scale=2), rrdbnet),
    "x1, other widths": (lambda: torch_community.RRDBNet(5, 3, 1, scale=1), rrdbnet),
    "compact": (lambda: torch_community.Compact(3, 7, 2), compact),
}


@pytest.mark.parametrize("options", [{}, {"fused": False, "half": False}], ids=["as published", "float32, unfused"])
@pytest.mark.parametrize("name", TWINS)
def test_a_pair_upscales_as_the_network_that_it_was_made_from(name, options, tmp_path):
    make, convert = TWINS[name]
    torch.manual_seed(0)
    twin = make().eval()
    for value in twin.state_dict().values():
        # Halves hold these exactly.
        value.copy_(value.half().float())
    weights = open_weights(convert(twin, **options).write(tmp_path / "theirs.param"))
    x = np.random.default_rng(0).random((1, 8, 12, 3), np.float32)
    with torch.no_grad():
        theirs = twin(torch.from_numpy(x.transpose(0, 3, 1, 2))).numpy().transpose(0, 2, 3, 1)
    ours = (jax.jit(weights.model.apply)(weights.variables, x) + 1) / 2
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert set(weights.card["ported_from"]) == {"file", "sha256", "weights_sha256", "layout"}


def edited(old, new):
    def edit(pair):
        assert any(old in line for line in pair.lines)
        pair.lines = [line.replace(old, new) for line in pair.lines]

    return edit


@pytest.mark.parametrize(
    ("network", "edit", "words"),
    [
        (rrdbnet, edited("-23310=1,2.000000e-01", "-23310=1,1.000000e-01"), "not connected as in"),
        (rrdbnet, edited("2,2.000000e-01,1.0", "2,3.000000e-01,1.0"), "not connected as in"),
        (rrdbnet, edited("9=2 -23310=1,2.000000e-01", "9=1"), "the layer Convolution"),
        (rrdbnet, edited("0=1 1=2.0", "0=2 1=2.0"), "the layer Interp"),
        (rrdbnet, edited("Eltwise  ", "Deconvolution  "), "the layer Deconvolution"),
        (rrdbnet, edited(" 4=1 ", " 4=0 "), "not a 3×3 convolution"),
        (rrdbnet, edited(" 4=1 ", " 4=1 14=0 "), "whose axes differ"),
        (rrdbnet, edited(" 4=1 ", " 4=1 8=2 "), "not a 3×3 convolution"),
        (rrdbnet, edited(" 4=1 ", " 4=nan "), "not a .param file"),
        (rrdbnet, edited("-23310=1,", "-23310=2,"), "not a .param file"),
        (rrdbnet, edited("-23310=1,2.000000e-01", "-23310=0"), "the layer Convolution"),
        (compact, edited("PixelShuffle", "Reorg"), "not connected as in"),
        (compact, lambda pair: pair.lines.pop(), "not connected as in"),
        (compact, edited("0=1 1=2", "0=1 1=3"), "the layer Interp"),
        (compact, lambda pair: setattr(pair, "weights", pair.weights[:-4]), "cut short"),
        (compact, lambda pair: setattr(pair, "weights", pair.weights + bytes(4)), "4 bytes more"),
        (
            compact,
            lambda pair: setattr(pair, "weights", struct.pack("<I", 0x000D4B38) + pair.weights[4:]),
            "0x000d4b38",
        ),
    ],
)
def test_anything_else_is_refused_in_a_sentence(network, edit, words, tmp_path):
    twin = torch_community.RRDBNet(8, 4, 1) if network is rrdbnet else torch_community.Compact(2, 8, 2)
    pair = network(twin)
    edit(pair)
    path = pair.write(tmp_path / "theirs.param")
    with pytest.raises(InputError) as caught:
        jaxsr.load(path)
    assert words in str(caught.value)


def test_a_chain_of_concatenations_does_not_double_without_end(tmp_path):
    pair = Pair({})
    x = pair.layer("Input", [])
    for _ in range(20):
        x = pair.layer("Concat", [x, x], "0=0")
    with pytest.raises(InputError, match=r"theirs\.param: the layer Concat blob_3_layer"):
        jaxsr.load(pair.write(tmp_path / "theirs.param"))


def test_a_missing_half_and_other_files_are_refused(tmp_path):
    path = compact(torch_community.Compact(2, 8, 2)).write(tmp_path / "theirs.param")
    path.with_suffix(".bin").unlink()
    with pytest.raises(InputError, match=r"theirs\.bin are not beside it"):
        jaxsr.load(path)
    path.with_suffix(".bin").write_bytes(b"")
    with pytest.raises(InputError, match=r"name theirs\.param instead"):
        jaxsr.load(path.with_suffix(".bin"))
    for content in (
        b"",
        b"7767517",
        b"\xff\xfe",
        b"7767517\n1 1\nInput a 0 1 a 0=x\n",
        b"7767517\n1 1\nInput a 9 9 a\n",
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"not a \.param file of ncnn"):
            jaxsr.load(path)


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason=f"{PUBLISHED} is not here")
def test_the_published_pair_is_the_published_pth():
    pair, pth = (read_tensors(PUBLISHED / f"realesr-animevideov3-x4{suffix}") for suffix in (".param", ".pth"))
    assert pair.keys() == pth.keys()
    for name, value in pth.items():
        np.testing.assert_allclose(pair[name], value, rtol=2**-10, atol=1e-7)
