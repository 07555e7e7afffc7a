"""The layouts of other programs' generators, for reading and writing their state dicts."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxsr.errors import InputError
from jaxsr.models import Compact, MSRResNet, RRDBNet, SRResNet
from jaxsr.models.network import Network
from jaxsr.weights.community import compact, compact_places, kernel, rrdbnet, rrdbnet_places
from jaxsr.weights.porting import Place, convolution


class Layout(NamedTuple):
    """One program's names for the tensors of one network.

    Attributes:
      mark: a tensor that only files of this layout have.
      kind: the network's class.
      model: builds the network of a state dict, from it and the file's name; raises `InputError` if the shapes do not
        match.
      places: the places of the tensors of a network, which is a `kind`.
      values: the values of fields with which the program can build the network; other fields can have any.
      norm_bias: whether convolutions before a batch norm have a bias; ours have none.
      unit_output: whether the output is in [0, 1]; ours is in [−1, 1].
      key: the key of the state dict in the program's files; None if a file is the state dict.
    """

    mark: str
    kind: type[Network]
    model: Callable[[Mapping[str, np.ndarray], str], Network]
    places: Callable[[Any], dict[str, Place]]
    values: Mapping[str, tuple] = {}
    norm_bias: bool = False
    unit_output: bool = False
    key: str | None = None


def unit_output(last: Mapping[str, Any]) -> dict[str, Any]:
    """The kernel and bias of a last convolution with its result in [0, 1] instead of [−1, 1]."""
    return {"kernel": last["kernel"] / 2, "bias": (last["bias"] + 1) / 2}


def signed_output(last: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `unit_output`."""
    return {"kernel": 2 * last["kernel"], "bias": 2 * last["bias"] - 1}


def norms(places: Mapping[str, Place]) -> Iterator[tuple[str, str]]:
    """Yield, in the other program's names, each convolution before a batch norm, and the norm."""
    theirs = {place.name: name.rpartition(".")[0] for name, place in places.items()}
    for ours, norm in theirs.items():
        if ours.startswith("batch_stats/") and ours.endswith("/mean"):
            path = ours.removeprefix("batch_stats/").removesuffix("/mean")
            yield theirs[f"params/{path.replace('norm_', 'conv_')}/kernel"], norm


def _norm(theirs, ours):
    names = {"weight": "params/{}/scale", "bias": "params/{}/bias"}
    names |= {"running_mean": "batch_stats/{}/mean", "running_var": "batch_stats/{}/var"}
    return {f"{theirs}.{name}": Place(path.format(ours)) for name, path in names.items()}


def _prelu(theirs, ours):
    # Theirs is one slope for all channels, stored as [1].
    place = Place(f"params/{ours}/slope", lambda slope: slope.reshape(()), lambda slope: slope.reshape(1))
    return {f"{theirs}.weight": place}


def _leftthomas(tensors, source):
    blocks = _count(tensors, r"block(\d+)\.conv1\.weight")
    body, tail = f"block{blocks + 2}", f"block{blocks + 3}"
    stages = _count(tensors, rf"{tail}\.(\d+)\.conv\.weight")
    end = "norm" if f"{body}.1.running_mean" in tensors else "prelu"
    features = kernel(tensors, "block1.0.weight", source).shape[0]
    return SRResNet(_scale(tensors, stages, features, f"{tail}.0.conv.weight", source), features, blocks, "tanh", end)


def _leftthomas_places(model):
    body, tail, stages = f"block{model.blocks + 2}", f"block{model.blocks + 3}", len(model.upscaling_stages)
    places = convolution("block1.0", "conv_first") | _prelu("block1.1", "prelu_first")
    for i in range(model.blocks):
        theirs, ours = f"block{i + 2}", f"block_{i}"
        for j in (1, 2):
            places |= convolution(f"{theirs}.conv{j}", f"{ours}/conv_{j}", bias=False)
            places |= _norm(f"{theirs}.bn{j}", f"{ours}/norm_{j}")
        places |= _prelu(f"{theirs}.prelu", f"{ours}/prelu")
    places |= convolution(f"{body}.0", "conv_body", bias=model.body_end == "prelu")
    places |= (_norm if model.body_end == "norm" else _prelu)(f"{body}.1", f"{model.body_end}_body")
    places |= _stages(stages, f"{tail}.{{}}.conv", f"{tail}.{{}}.prelu")
    return places | convolution(f"{tail}.{stages}", "conv_last")


def _sgrvinod(tensors, source):
    blocks = _count(tensors, r"residual_blocks\.(\d+)\.conv_block1\.conv_block\.0\.weight")
    stages = _count(tensors, r"subpixel_convolutional_blocks\.(\d+)\.conv\.weight")
    features = kernel(tensors, "conv_block1.conv_block.0.weight", source).shape[0]
    scale = _scale(tensors, stages, features, "subpixel_convolutional_blocks.0.conv.weight", source)
    return SRResNet(scale, features, blocks, "tanh", "norm", "imagenet")


def _sgrvinod_places(model):
    places = convolution("conv_block1.conv_block.0", "conv_first")
    places |= _prelu("conv_block1.conv_block.1", "prelu_first")
    for i in range(model.blocks):
        for j in (1, 2):
            theirs = f"residual_blocks.{i}.conv_block{j}.conv_block"
            places |= convolution(f"{theirs}.0", f"block_{i}/conv_{j}", bias=False)
            places |= _norm(f"{theirs}.1", f"block_{i}/norm_{j}")
        places |= _prelu(f"residual_blocks.{i}.conv_block1.conv_block.2", f"block_{i}/prelu")
    places |= convolution("conv_block2.conv_block.0", "conv_body", bias=False)
    places |= _norm("conv_block2.conv_block.1", "norm_body")
    theirs = "subpixel_convolutional_blocks.{}"
    places |= _stages(len(model.upscaling_stages), f"{theirs}.conv", f"{theirs}.prelu")
    return places | convolution("conv_block3.conv_block.0", "conv_last")


def _lornatang(tensors, source):
    blocks = _count(tensors, r"trunk\.(\d+)\.rcb\.0\.weight")
    stages = _count(tensors, r"upsampling\.(\d+)\.upsample_block\.0\.weight")
    features = kernel(tensors, "conv1.0.weight", source).shape[0]
    return SRResNet(_scale(tensors, stages, features, "upsampling.0.upsample_block.0.weight", source), features, blocks)


def _lornatang_places(model):
    places = convolution("conv1.0", "conv_first") | _prelu("conv1.1", "prelu_first")
    for i in range(model.blocks):
        for j, (conv, norm) in enumerate(((0, 1), (3, 4)), start=1):
            places |= convolution(f"trunk.{i}.rcb.{conv}", f"block_{i}/conv_{j}", bias=False)
            places |= _norm(f"trunk.{i}.rcb.{norm}", f"block_{i}/norm_{j}")
        places |= _prelu(f"trunk.{i}.rcb.2", f"block_{i}/prelu")
    places |= convolution("conv2.0", "conv_body", bias=False) | _norm("conv2.1", "norm_body")
    theirs = "upsampling.{}.upsample_block"
    places |= _stages(len(model.upscaling_stages), f"{theirs}.0", f"{theirs}.2")
    return places | convolution("conv3", "conv_last")


def _msrresnet(tensors, source):
    blocks, stages = _count(tensors, r"body\.(\d+)\.conv1\.weight"), _count(tensors, r"upconv(\d)\.weight")
    features = kernel(tensors, "conv_first.weight", source).shape[0]
    return MSRResNet(_scale(tensors, stages, features, "upconv1.weight", source), features, blocks)


def _msrresnet_places(model):
    places = convolution("conv_first", "conv_first")
    for i in range(model.blocks):
        for j in (1, 2):
            places |= convolution(f"body.{i}.conv{j}", f"block_{i}_conv_{j}")
    for i in range(len(model.upscaling_stages)):
        places |= convolution(f"upconv{i + 1}", f"upconv_{i}")
    return places | convolution("conv_hr", "conv_hr") | convolution("conv_last", "conv_last")


def _stages(count, conv, prelu):
    places = {}
    for i in range(count):
        places |= convolution(conv.format(i), f"upconv_{i}") | _prelu(prelu.format(i), f"prelu_up_{i}")
    return places


def _count(tensors, pattern):
    return sum(re.fullmatch(pattern, name) is not None for name in tensors)


def _scale(tensors, stages, features, first, source):
    """The scale, from the number of pixel shuffles and the channels of the first."""
    factor = round((kernel(tensors, first, source).shape[0] / features) ** 0.5)
    scale = factor**stages if factor in (2, 3) else 0
    if scale not in (2, 3, 4, 8):
        raise InputError(f"{source}: {stages} pixel shuffles by {factor} give no scale of 2, 3, 4 or 8")
    return scale


LAYOUTS = {
    "leftthomas": Layout(
        "block1.0.weight",
        SRResNet,
        _leftthomas,
        _leftthomas_places,
        values={"output": ("tanh",), "normalisation": ("none",), "blocks": (5,), "features": (64,), "scale": (2, 4, 8)},
        norm_bias=True,
    ),
    "sgrvinod": Layout(
        "conv_block1.conv_block.0.weight",
        SRResNet,
        _sgrvinod,
        _sgrvinod_places,
        values={"output": ("tanh",), "body_end": ("norm",), "normalisation": ("imagenet",), "scale": (2, 4, 8)},
        norm_bias=True,
    ),
    "lornatang": Layout(
        "trunk.0.rcb.0.weight",
        SRResNet,
        _lornatang,
        _lornatang_places,
        values={"output": ("linear",), "body_end": ("norm",), "normalisation": ("none",)},
        unit_output=True,
        key="state_dict",
    ),
    "msrresnet": Layout("body.0.conv1.weight", MSRResNet, _msrresnet, _msrresnet_places, key="params"),
    "rrdbnet": Layout("body.0.rdb1.conv1.weight", RRDBNet, rrdbnet, rrdbnet_places, key="params"),
    "compact": Layout("body.0.weight", Compact, compact, compact_places, key="params"),
}
