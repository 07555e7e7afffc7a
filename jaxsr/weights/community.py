"""The layouts of Real-ESRGAN's and ESRGAN's networks, which most of the community's files have."""

import re
from collections.abc import Mapping

import flax.linen as nn
import numpy as np

from jaxsr.errors import InputError
from jaxsr.models import Compact, RRDBNet
from jaxsr.weights.porting import Place, convolution

# Of ESRGAN's first release to those of BasicSR, which came later.
_OLD = (
    (re.compile(r"model\.1\.sub\.(\d+)\.RDB(\d)\.conv(\d)\.0\.(.+)"), r"body.\1.rdb\2.conv\3.\4"),
    (re.compile(r"model\.1\.sub\.\d+\.(weight|bias)"), r"conv_body.\1"),
    (re.compile(r"model\.0\.(.+)"), r"conv_first.\1"),
    (re.compile(r"model\.3\.(.+)"), r"conv_up1.\1"),
    (re.compile(r"model\.6\.(.+)"), r"conv_up2.\1"),
    (re.compile(r"model\.8\.(.+)"), r"conv_hr.\1"),
    (re.compile(r"model\.10\.(.+)"), r"conv_last.\1"),
)

# By the channels of the input once it is unshuffled.
_SCALES = {3: 4, 12: 2, 48: 1}


def renamed(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Tensors of ESRGAN's first release under the names that came later; others as they are."""
    return {_new_name(name): value for name, value in tensors.items()}


def rrdbnet(tensors: Mapping[str, np.ndarray], source: str) -> tuple[nn.Module, dict[str, Place]]:
    """The network of an RRDBNet's state dict, and where its tensors go.

    Raises:
      InputError: its shapes make no RRDBNet.
    """
    blocks = sum(re.fullmatch(r"body\.\d+\.rdb1\.conv1\.weight", name) is not None for name in tensors)
    first, grown = _kernel(tensors, "conv_first.weight", source), _kernel(tensors, "body.0.rdb1.conv1.weight", source)
    scale = _SCALES.get(first.shape[1])
    if scale is None:
        raise InputError(
            f"{source}: an RRDBNet for {first.shape[1]} input channels; those of RGB have 3 at ×4, 12 at ×2, 48 at ×1"
        )
    places = _convolution("conv_first", "conv_first") | _convolution("conv_body", "conv_body")
    for i in range(blocks):
        for j in (1, 2, 3):
            for k in range(1, 6):
                places |= _convolution(f"body.{i}.rdb{j}.conv{k}", f"block_{i}_dense_{j}/conv_{k}")
    for i in (0, 1):
        places |= _convolution(f"conv_up{i + 1}", f"upconv_{i}")
    places |= _convolution("conv_hr", "conv_hr") | _convolution("conv_last", "conv_last")
    return RRDBNet(scale, first.shape[0], grown.shape[0], blocks), places


def compact(tensors: Mapping[str, np.ndarray], source: str) -> tuple[nn.Module, dict[str, Place]]:
    """The network of an SRVGGNetCompact's state dict, and where its tensors go.

    Raises:
      InputError: its shapes make no such network.
    """
    numbers = [int(name.split(".")[1]) for name in tensors if re.fullmatch(r"body\.\d+\.weight", name)]
    last = max(numbers)
    first, final = _kernel(tensors, "body.0.weight", source), _kernel(tensors, f"body.{last}.weight", source)
    scale = round((final.shape[0] / 3) ** 0.5)
    if last % 2 or 3 * scale**2 != final.shape[0] or scale not in (2, 3, 4, 8):
        raise InputError(f"{source}: a chain of {last + 1} layers to {final.shape[0]} channels is no SRVGGNetCompact")
    places = {}
    for i in range(last // 2):
        places |= _convolution(f"body.{2 * i}", f"conv_{i}")
        places[f"body.{2 * i + 1}.weight"] = Place(f"params/prelu_{i}/slope")
    places |= _convolution(f"body.{last}", "conv_last")
    return Compact(scale, first.shape[0], last // 2 - 1), places


def _new_name(name):
    for old, new in _OLD:
        if old.fullmatch(name):
            return old.sub(new, name)
    return name


def _kernel(tensors, name, source):
    if name not in tensors or tensors[name].ndim != 4:
        raise InputError(f"{source}: not the tensors of this layout: {name} is missing or no convolution")
    return tensors[name]


def _convolution(theirs, ours):
    places = {f"{theirs}.weight": Place(f"params/{ours}/kernel", convolution)}
    return places | {f"{theirs}.bias": Place(f"params/{ours}/bias")}
