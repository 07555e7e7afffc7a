"""Other people's SRResNet and SRGAN generators, by the layouts of their state dicts."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict

from jaxsr.errors import InputError
from jaxsr.models import MSRResNet, SRResNet
from jaxsr.weights.community import compact, renamed, rrdbnet
from jaxsr.weights.porting import Place, convolution, file_hash, port, read_tensors
from jaxsr.weights.store import Weights

# A tensor that only files of that layout have.
GENERATOR_LAYOUTS = {
    "leftthomas": "block1.0.weight",
    "sgrvinod": "conv_block1.conv_block.0.weight",
    "lornatang": "trunk.0.rcb.0.weight",
    "msrresnet": "body.0.conv1.weight",
    "rrdbnet": "body.0.rdb1.conv1.weight",
    "compact": "body.0.weight",
}


def port_generator(source: str | os.PathLike, layout: str, *, origin: str, licence: str) -> Weights:
    """A generator of leftthomas/SRGAN, sgrvinod's tutorial, Lornatang/SRGAN-PyTorch, BasicSR or Real-ESRGAN.

    Depth, width and scale follow from the names and shapes. A convolution's bias in front of a batch norm becomes part
    of the norm's running mean, and a linear output in [0, 1] is rescaled in the last convolution: both exactly.

    Args:
      source: the file.
      layout: one of `GENERATOR_LAYOUTS`, or "auto".
      origin: where it is from, for the card.
      licence: of the weights, for the card.

    Raises:
      InputError: see `read_tensors` and `port`; or the layout is not recognised.
    """
    tensors = renamed({name.removeprefix("net."): value for name, value in read_tensors(source).items()})
    tensors = {name: value for name, value in tensors.items() if not name.endswith("num_batches_tracked")}
    if layout == "auto":
        layout = detect(tensors, source=str(source))
    model, places, norms = _LAYOUTS[layout](tensors, str(source))
    tensors = _without_bias(tensors, norms)
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
    flat = {name: tuple(value.shape) for name, value in flatten_dict(shapes, sep="/").items()}
    variables = port(tensors, places, flat, source=str(source))
    if layout == "lornatang":
        # Its linear output is in [0, 1], ours in [−1, 1].
        last = variables["params"]["conv_last"]
        last |= {"kernel": 2 * last["kernel"], "bias": 2 * last["bias"] - 1}
    ported_from = {"file": Path(source).name, "sha256": file_hash(source), "layout": layout}
    if Path(source).suffix.lower() == ".param":
        ported_from["weights_sha256"] = file_hash(Path(source).with_suffix(".bin"))
    return Weights(model, variables, {"origin": origin, "licence": licence, "ported_from": ported_from})


def detect(tensors: Mapping[str, np.ndarray], *, source: str) -> str:
    """The layout of a state dict.

    Raises:
      InputError: none of those known.
    """
    for layout, name in GENERATOR_LAYOUTS.items():
        if name in tensors:
            return layout
    raise InputError(
        f"{source}: none of the generators known here ({', '.join(GENERATOR_LAYOUTS)}); its tensors begin with "
        f"{', '.join(list(tensors)[:3]) or 'nothing'}"
    )


def _convolution(theirs, ours, *, bias=True):
    places = {f"{theirs}.weight": Place(f"params/{ours}/kernel", convolution)}
    return places | ({f"{theirs}.bias": Place(f"params/{ours}/bias")} if bias else {})


def _norm(theirs, ours):
    names = {"weight": "params/{}/scale", "bias": "params/{}/bias"}
    names |= {"running_mean": "batch_stats/{}/mean", "running_var": "batch_stats/{}/var"}
    return {f"{theirs}.{name}": Place(path.format(ours)) for name, path in names.items()}


def _prelu(theirs, ours):
    # One slope for all channels, stored as [1].
    return {f"{theirs}.weight": Place(f"params/{ours}/slope", lambda slope: slope.reshape(()))}


def _leftthomas(tensors, source):
    blocks = _count(tensors, r"block(\d+)\.conv1\.weight")
    body, tail = f"block{blocks + 2}", f"block{blocks + 3}"
    stages = _count(tensors, rf"{tail}\.(\d+)\.conv\.weight")
    end = "norm" if f"{body}.1.running_mean" in tensors else "prelu"
    places, norms = _convolution("block1.0", "conv_first") | _prelu("block1.1", "prelu_first"), []
    for i in range(blocks):
        theirs, ours = f"block{i + 2}", f"block_{i}"
        for j in (1, 2):
            places |= _convolution(f"{theirs}.conv{j}", f"{ours}/conv_{j}", bias=False)
            places |= _norm(f"{theirs}.bn{j}", f"{ours}/norm_{j}")
            norms.append((f"{theirs}.conv{j}", f"{theirs}.bn{j}"))
        places |= _prelu(f"{theirs}.prelu", f"{ours}/prelu")
    places |= _convolution(f"{body}.0", "conv_body", bias=end == "prelu")
    if end == "norm":
        places |= _norm(f"{body}.1", "norm_body")
        norms.append((f"{body}.0", f"{body}.1"))
    else:
        places |= _prelu(f"{body}.1", "prelu_body")
    places |= _stages(stages, f"{tail}.{{}}.conv", f"{tail}.{{}}.prelu")
    places |= _convolution(f"{tail}.{stages}", "conv_last")
    features = _features(tensors, "block1.0.weight", source)
    scale = _scale(tensors, stages, features, f"{tail}.0.conv.weight", source)
    return SRResNet(scale, features, blocks, "tanh", end), places, norms


def _sgrvinod(tensors, source):
    blocks = _count(tensors, r"residual_blocks\.(\d+)\.conv_block1\.conv_block\.0\.weight")
    stages = _count(tensors, r"subpixel_convolutional_blocks\.(\d+)\.conv\.weight")
    places = _convolution("conv_block1.conv_block.0", "conv_first")
    places |= _prelu("conv_block1.conv_block.1", "prelu_first")
    norms = []
    for i in range(blocks):
        for j in (1, 2):
            theirs = f"residual_blocks.{i}.conv_block{j}.conv_block"
            places |= _convolution(f"{theirs}.0", f"block_{i}/conv_{j}", bias=False)
            places |= _norm(f"{theirs}.1", f"block_{i}/norm_{j}")
            norms.append((f"{theirs}.0", f"{theirs}.1"))
        places |= _prelu(f"residual_blocks.{i}.conv_block1.conv_block.2", f"block_{i}/prelu")
    places |= _convolution("conv_block2.conv_block.0", "conv_body", bias=False)
    places |= _norm("conv_block2.conv_block.1", "norm_body")
    norms.append(("conv_block2.conv_block.0", "conv_block2.conv_block.1"))
    theirs = "subpixel_convolutional_blocks.{}"
    places |= _stages(stages, f"{theirs}.conv", f"{theirs}.prelu")
    places |= _convolution("conv_block3.conv_block.0", "conv_last")
    features = _features(tensors, "conv_block1.conv_block.0.weight", source)
    scale = _scale(tensors, stages, features, "subpixel_convolutional_blocks.0.conv.weight", source)
    return SRResNet(scale, features, blocks, "tanh", "norm", "imagenet"), places, norms


def _lornatang(tensors, source):
    blocks = _count(tensors, r"trunk\.(\d+)\.rcb\.0\.weight")
    stages = _count(tensors, r"upsampling\.(\d+)\.upsample_block\.0\.weight")
    places, norms = _convolution("conv1.0", "conv_first") | _prelu("conv1.1", "prelu_first"), []
    for i in range(blocks):
        for j, (conv, norm) in enumerate(((0, 1), (3, 4)), start=1):
            places |= _convolution(f"trunk.{i}.rcb.{conv}", f"block_{i}/conv_{j}", bias=False)
            places |= _norm(f"trunk.{i}.rcb.{norm}", f"block_{i}/norm_{j}")
            norms.append((f"trunk.{i}.rcb.{conv}", f"trunk.{i}.rcb.{norm}"))
        places |= _prelu(f"trunk.{i}.rcb.2", f"block_{i}/prelu")
    places |= _convolution("conv2.0", "conv_body", bias=False) | _norm("conv2.1", "norm_body")
    norms.append(("conv2.0", "conv2.1"))
    places |= _stages(stages, "upsampling.{}.upsample_block.0", "upsampling.{}.upsample_block.2")
    places |= _convolution("conv3", "conv_last")
    features = _features(tensors, "conv1.0.weight", source)
    scale = _scale(tensors, stages, features, "upsampling.0.upsample_block.0.weight", source)
    return SRResNet(scale, features, blocks), places, norms


def _msrresnet(tensors, source):
    blocks, stages = _count(tensors, r"body\.(\d+)\.conv1\.weight"), _count(tensors, r"upconv(\d)\.weight")
    places = _convolution("conv_first", "conv_first")
    for i in range(blocks):
        for j in (1, 2):
            places |= _convolution(f"body.{i}.conv{j}", f"block_{i}_conv_{j}")
    for i in range(stages):
        places |= _convolution(f"upconv{i + 1}", f"upconv_{i}")
    places |= _convolution("conv_hr", "conv_hr") | _convolution("conv_last", "conv_last")
    features = _features(tensors, "conv_first.weight", source)
    return MSRResNet(_scale(tensors, stages, features, "upconv1.weight", source), features, blocks), places, []


_LAYOUTS = {
    "leftthomas": _leftthomas,
    "sgrvinod": _sgrvinod,
    "lornatang": _lornatang,
    "msrresnet": _msrresnet,
    "rrdbnet": lambda *given: (*rrdbnet(*given), []),
    "compact": lambda *given: (*compact(*given), []),
}


def _stages(count, conv, prelu):
    places = {}
    for i in range(count):
        places |= _convolution(conv.format(i), f"upconv_{i}") | _prelu(prelu.format(i), f"prelu_up_{i}")
    return places


def _count(tensors, pattern):
    return sum(re.fullmatch(pattern, name) is not None for name in tensors)


def _features(tensors, name, source):
    if name not in tensors or tensors[name].ndim != 4:
        raise InputError(f"{source}: not the tensors of this layout: {name} is missing or no convolution")
    return tensors[name].shape[0]


def _scale(tensors, stages, features, first, source):
    """Scale from the number of pixel shuffles and the channels of the first."""
    convolved = first in tensors and tensors[first].ndim == 4
    factor = round((tensors[first].shape[0] / features) ** 0.5) if convolved else 0
    scale = factor**stages if factor in (2, 3) else 0
    if scale not in (2, 3, 4, 8):
        raise InputError(f"{source}: {stages} pixel shuffles by {factor} give no scale of 2, 3, 4 or 8")
    return scale


def _without_bias(tensors, norms):
    """Biases that a batch norm follows, taken into its running mean."""
    tensors = dict(tensors)
    for conv, norm in norms:
        bias, mean = tensors.get(f"{conv}.bias"), f"{norm}.running_mean"
        if bias is not None and mean in tensors and bias.shape == tensors[mean].shape:
            tensors[mean] = tensors[mean] - bias
            del tensors[f"{conv}.bias"]
    return tensors
