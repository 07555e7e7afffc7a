"""Other people's layouts, written as PyTorch modules with their names, against what we make of their files."""

import jax
import numpy as np
import pytest
from safetensors.numpy import save_file

from jaxsr.commands.port import main as command
from jaxsr.errors import InputError
from jaxsr.weights.opening import port_generator
from jaxsr.weights.store import load_weights, save_weights

torch = pytest.importorskip("torch", reason="the oracle is PyTorch: pip install '.[oracles]'")
torch_generators = pytest.importorskip("torch_generators")
leftthomas, sgrvinod, lornatang, msrresnet, randomised = (
    getattr(torch_generators, name) for name in ("leftthomas", "sgrvinod", "lornatang", "msrresnet", "randomised")
)
TWINS = {
    "leftthomas": (leftthomas, {}),
    "leftthomas with a norm behind the body": (lambda: leftthomas(body_norm=True, blocks=3), {}),
    "leftthomas ×2": (lambda: leftthomas(stages=1), {}),
    "sgrvinod": (sgrvinod, {}),
    "sgrvinod in a checkpoint of DataParallel": (sgrvinod, {"wrap": lambda s: {"generator": _prefixed(s, "module.")}}),
    "lornatang": (lornatang, {}),
    "lornatang ×8 in a checkpoint": (lambda: lornatang(stages=3), {"wrap": lambda s: {"epoch": 3, "state_dict": s}}),
    "msrresnet": (msrresnet, {"wrap": lambda s: {"params": s}}),
    "msrresnet ×3": (lambda: msrresnet(stages=1, factor=3), {}),
}


def _prefixed(state, prefix):
    return {prefix + name: value for name, value in state.items()}


@pytest.mark.parametrize("name", TWINS)
def test_a_ported_generator_equals_its_source(name, tmp_path):
    make, options = TWINS[name]
    twin = randomised(make())
    wrap = options.get("wrap", lambda state: state)
    torch.save(wrap(twin.state_dict()), tmp_path / "theirs.pth")
    weights = port_generator(tmp_path / "theirs.pth", "auto", origin="a test", licence="none")
    assert weights.card["ported_from"]["layout"] == name.split()[0]
    x = np.random.default_rng(0).random((1, 12, 14, 3), np.float32)
    with torch.no_grad():
        theirs = twin(torch.from_numpy(x.transpose(0, 3, 1, 2))).numpy().transpose(0, 2, 3, 1)
    save_weights(tmp_path / "ours.safetensors", weights)
    loaded = load_weights(tmp_path / "ours.safetensors")
    ours = (jax.jit(loaded.model.apply)(loaded.variables, x) + 1) / 2
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, atol=1e-5 * max(1, np.abs(theirs).max()))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("block1.0.bias"), "1 missing (block1.0.bias)"),
        (lambda s: s.update(extra=torch.zeros(1)), "1 unexpected (extra)"),
        (lambda s: s.update({"block8.2.weight": s["block5.2.weight"]}), "1 unexpected (block8.2.weight)"),
        (lambda s: s["block5.2.bias"].fill_(float("nan")), "1 with NaN or infinity (params/conv_last/bias)"),
        (lambda s: s.update({"block5.2.bias": torch.zeros(4)}), "params/conv_last/bias [4] for [3]"),
        (lambda s: s.update({"block1.1.weight": torch.zeros(4)}), "1 of the wrong shape (block1.1.weight [4] for [])"),
        (lambda s: s.update({"block2.conv1.weight": torch.zeros(4, 4)}), "block2.conv1.weight [4, 4] for [3, 3, "),
        (lambda s: s.update({"block2.conv1.bias": torch.zeros(9)}), "1 unexpected (block2.conv1.bias)"),
        (lambda s: s.update({"block5.0.conv.weight": torch.zeros(())}), "block5.0.conv.weight is missing or not"),
        (lambda s: s.update({7: torch.zeros(1)}), "1 unexpected (7)"),
        (lambda s: s.clear(), "not one of the known generators"),
    ],
)
def test_every_difference_is_named(change, words, tmp_path):
    state = leftthomas().state_dict()
    change(state)
    torch.save(state, tmp_path / "theirs.pth")
    with pytest.raises(InputError) as caught:
        port_generator(tmp_path / "theirs.pth", "auto", origin="", licence="")
    assert words in str(caught.value)


def test_the_source_is_not_overwritten_and_own_files_need_no_port(tmp_path):
    save_file({"params/conv_first/kernel": np.zeros(1, np.float32)}, tmp_path / "own.safetensors")
    before = (tmp_path / "own.safetensors").read_bytes()
    with pytest.raises(InputError, match="this would replace the input"):
        command(str(tmp_path / "own.safetensors"), tmp_path / "." / "own.safetensors")
    with pytest.raises(InputError, match="used without porting"):
        command(str(tmp_path / "own.safetensors"), tmp_path / "other.safetensors")
    assert (tmp_path / "own.safetensors").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_that_exists_is_replaced_only_when_asked(tmp_path):
    source, destination = tmp_path / "theirs.pth", tmp_path / "own.safetensors"
    torch.save(leftthomas().state_dict(), source)
    destination.write_bytes(b"of another day")
    with pytest.raises(InputError, match=r"own\.safetensors exists already: give --overwrite to replace it"):
        command(str(source), destination)
    assert destination.read_bytes() == b"of another day"
    command(str(source), destination, overwrite=True)
    assert load_weights(destination).card["ported_from"]["layout"] == "leftthomas"
