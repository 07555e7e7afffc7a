"""RRDBNet and SRVGGNetCompact, written as PyTorch modules with their programs' names, against what we make of them."""

import jax
import numpy as np
import pytest
import safetensors.torch

import jaxsr
from jaxsr.errors import InputError
from jaxsr.models import Compact, RRDBNet
from jaxsr.weights.opening import open_weights

torch = pytest.importorskip("torch", reason="the oracle is PyTorch: pip install '.[oracles]'")
F, nn = torch.nn.functional, torch.nn


def conv(i, o):
    return nn.Conv2d(i, o, 3, padding=1)


def lrelu(x):
    return F.leaky_relu(x, 0.2)


class Dense(nn.Module):
    def __init__(self, features, growth):
        super().__init__()
        for i in range(1, 6):
            self.add_module(f"conv{i}", conv(features + (i - 1) * growth, features if i == 5 else growth))

    def forward(self, x):
        seen = [x]
        for i in range(1, 5):
            seen.append(lrelu(self.get_submodule(f"conv{i}")(torch.cat(seen, 1))))
        return x + 0.2 * self.conv5(torch.cat(seen, 1))


class Block(nn.Module):
    def __init__(self, features, growth):
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = (Dense(features, growth) for _ in range(3))

    def forward(self, x):
        return x + 0.2 * self.rdb3(self.rdb2(self.rdb1(x)))


class TorchRRDBNet(nn.Module):
    def __init__(self, features=8, growth=4, blocks=1):
        super().__init__()
        self.conv_first = conv(3, features)
        self.body = nn.Sequential(*[Block(features, growth) for _ in range(blocks)])
        self.conv_body, self.conv_up1, self.conv_up2, self.conv_hr = (conv(features, features) for _ in range(4))
        self.conv_last = conv(features, 3)

    def forward(self, x):
        x = self.conv_first(x)
        x = x + self.conv_body(self.body(x))
        for up in (self.conv_up1, self.conv_up2):
            x = lrelu(up(F.interpolate(x, scale_factor=2, mode="nearest")))
        return self.conv_last(lrelu(self.conv_hr(x)))


class TorchCompact(nn.Module):
    def __init__(self, scale=4, features=8, convolutions=3):
        super().__init__()
        layers = [conv(3, features), nn.PReLU(features)]
        for _ in range(convolutions):
            layers += [conv(features, features), nn.PReLU(features)]
        self.scale, self.body = scale, nn.ModuleList([*layers, conv(features, 3 * scale**2)])

    def forward(self, x):
        y = x
        for layer in self.body:
            y = layer(y)
        return F.pixel_shuffle(y, self.scale) + F.interpolate(x, scale_factor=self.scale, mode="nearest")


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


FILES = {
    "rrdbnet": (TorchRRDBNet, lambda s: {"params_ema": s}),
    "rrdbnet of another width": (lambda: TorchRRDBNet(12, 8, 1), lambda s: s),
    "rrdbnet by its old names": (TorchRRDBNet, old_names),
    "compact": (TorchCompact, lambda s: {"params": s}),
    "compact at ×2": (lambda: TorchCompact(2, 12, 4), lambda s: s),
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
    x = np.random.default_rng(0).random((1, 12, 14, 3), np.float32)
    with torch.no_grad():
        theirs = twin(torch.from_numpy(x.transpose(0, 3, 1, 2))).numpy().transpose(0, 2, 3, 1)
    ours = (jax.jit(weights.model.apply)(weights.variables, x) + 1) / 2
    np.testing.assert_allclose(ours, theirs, atol=1e-5 * max(1, np.abs(theirs).max()))
    picture = np.random.default_rng(1).random((70, 90, 3), np.float32)
    whole, tiled = (jaxsr.load(path, tile=tile) for tile in (128, 2 * weights.model.halo + 4))
    # These reach no farther than their halo; the published RRDBNets do.
    assert weights.model.halo == getattr(weights.model, "reach", weights.model.halo)
    np.testing.assert_allclose(whole(picture), tiled(picture), atol=1e-5)


def test_half_precision_and_safetensors_are_read(tmp_path):
    twin = randomised(TorchCompact())
    safetensors.torch.save_file({k: v.half() for k, v in twin.state_dict().items()}, tmp_path / "half.safetensors")
    kernel = open_weights(tmp_path / "half.safetensors").variables["params"]["conv_0"]["kernel"]
    assert kernel.dtype == np.float32
    expected = twin.body[0].weight.detach().numpy().transpose(2, 3, 1, 0)
    np.testing.assert_allclose(kernel, expected, rtol=1e-3)


def test_the_published_ones_have_their_parameters():
    for model, count in ((RRDBNet(), 16_697_987), (RRDBNet(blocks=6), 4_467_779), (Compact(), 621_424)):
        shapes = jax.eval_shape(model.init, jax.random.key(0), np.zeros((1, 8, 8, 3), np.float32))
        assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == count


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("conv_hr.bias"), "1 missing (conv_hr.bias)"),
        (lambda s: s.update(extra=torch.zeros(1)), "1 unexpected (extra)"),
        (lambda s: s.update({"conv_first.weight": torch.zeros(8, 12, 3, 3)}), "only ×4 is read"),
    ],
)
def test_every_difference_is_named(change, words, tmp_path):
    state = TorchRRDBNet().state_dict()
    change(state)
    torch.save(state, tmp_path / "theirs.pth")
    with pytest.raises(InputError) as caught:
        jaxsr.load(tmp_path / "theirs.pth")
    assert words in str(caught.value)
