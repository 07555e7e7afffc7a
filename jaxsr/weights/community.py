"""The layouts of Real-ESRGAN's and ESRGAN's networks, which most files of the community use."""

import re
from collections.abc import Mapping

import numpy as np

from jaxsr.errors import InputError
from jaxsr.models import Compact, RRDBNet
from jaxsr.weights.porting import Place, convolution

# From the names in ESRGAN's first release to the later names of BasicSR.
_OLD = (
    (re.compile(r"model\.1\.sub\.(\d+)\.RDB(\d)\.conv(\d)\.0\.(.+)"), r"body.\1.rdb\2.conv\3.\4"),
    (re.compile(r"model\.1\.sub\.\d+\.(weight|bias)"), r"conv_body.\1"),
    (re.compile(r"model\.0\.(.+)"), r"conv_first.\1"),
    (re.compile(r"model\.3\.(.+)"), r"conv_up1.\1"),
    (re.compile(r"model\.6\.(.+)"), r"conv_up2.\1"),
    (re.compile(r"model\.8\.(.+)"), r"conv_hr.\1"),
    (re.compile(r"model\.10\.(.+)"), r"conv_last.\1"),
)

# Those of ESRGAN's current code. Its SRResNet has two of them too, so they count only beside the trunk's.
_TRUNK = (
    (re.compile(r"RRDB_trunk\.(\d+)\.RDB(\d)\.conv(\d)\.(.+)"), r"body.\1.rdb\2.conv\3.\4"),
    (re.compile(r"trunk_conv\.(.+)"), r"conv_body.\1"),
    (re.compile(r"HRconv\.(.+)"), r"conv_hr.\1"),
    (re.compile(r"upconv([12])\.(.+)"), r"conv_up\1.\2"),
)

# The scale for each number of input channels after the pixel unshuffle.
_SCALES = {3: 4, 12: 2, 48: 1}


def renamed(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Rename tensors of ESRGAN's own code to BasicSR's names; other tensors keep their names."""
    table = _OLD + (_TRUNK if any(name.startswith("RRDB_trunk.") for name in tensors) else ())
    return {_new_name(name, table): value for name, value in tensors.items()}


def rrdbnet(tensors: Mapping[str, np.ndarray], source: str) -> RRDBNet:
    """Build the network of an RRDBNet's state dict; `source` names the file in errors.

    Raises:
      InputError: the shapes are not those of an RRDBNet.
    """
    blocks = sum(re.fullmatch(r"body\.\d+\.rdb1\.conv1\.weight", name) is not None for name in tensors)
    first, grown = kernel(tensors, "conv_first.weight", source), kernel(tensors, "body.0.rdb1.conv1.weight", source)
    scale = _SCALES.get(first.shape[1])
    if scale is None:
        raise InputError(
            f"{source}: an RRDBNet with {first.shape[1]} input channels is not for RGB, which has 3 at ×4, 12 at ×2, "
            "48 at ×1"
        )
    return RRDBNet(scale, first.shape[0], grown.shape[0], blocks)


def rrdbnet_places(model: RRDBNet) -> dict[str, Place]:
    """The places of the tensors of an RRDBNet's state dict."""
    places = convolution("conv_first", "conv_first") | convolution("conv_body", "conv_body")
    for i in range(model.blocks):
        for j in (1, 2, 3):
            for k in range(1, 6):
                places |= convolution(f"body.{i}.rdb{j}.conv{k}", f"block_{i}_dense_{j}/conv_{k}")
    for i in (0, 1):
        places |= convolution(f"conv_up{i + 1}", f"upconv_{i}")
    return places | convolution("conv_hr", "conv_hr") | convolution("conv_last", "conv_last")


def compact(tensors: Mapping[str, np.ndarray], source: str) -> Compact:
    """Build the network of an SRVGGNetCompact's state dict; `source` names the file in errors.

    Raises:
      InputError: the shapes are not those of such a network.
    """
    first = kernel(tensors, "body.0.weight", source)
    last = max(int(name.split(".")[1]) for name in tensors if re.fullmatch(r"body\.\d{1,6}\.weight", name))
    # A number in a name must not decide how long this takes.
    if last >= len(tensors):
        raise InputError(f"{source}: {len(tensors)} tensors are not the {last + 1} layers of an SRVGGNetCompact")
    final = kernel(tensors, f"body.{last}.weight", source)
    scale = round((final.shape[0] / 3) ** 0.5)
    if last % 2 or 3 * scale**2 != final.shape[0]:
        raise InputError(
            f"{source}: a chain of {last + 1} layers to {final.shape[0]} channels is not an SRVGGNetCompact"
        )
    if scale not in Compact.scales:
        raise InputError(f"{source}: an SRVGGNetCompact at ×{scale}, which is not supported; ×2, ×3, ×4 and ×8 are")
    return Compact(scale, first.shape[0], last // 2 - 1)


def compact_places(model: Compact) -> dict[str, Place]:
    """The places of the tensors of an SRVGGNetCompact's state dict."""
    places = {}
    for i in range(model.convolutions + 1):
        places |= convolution(f"body.{2 * i}", f"conv_{i}")
        places[f"body.{2 * i + 1}.weight"] = Place(f"params/prelu_{i}/slope")
    return places | convolution(f"body.{2 * model.convolutions + 2}", "conv_last")


def kernel(tensors: Mapping[str, np.ndarray], name: str, source: str) -> np.ndarray:
    """The kernel of a convolution, [out, in, h, w]; `source` names the file in errors.

    Raises:
      InputError: there is no tensor of this name, or it does not have four axes, or no values.
    """
    if name not in tensors or tensors[name].ndim != 4 or not tensors[name].size:
        raise InputError(f"{source}: not the tensors of this layout: {name} is missing or not a convolution")
    return tensors[name]


def _new_name(name, table):
    for old, new in table:
        if old.fullmatch(name):
            return old.sub(new, name)
    return name
