"""Each network in the operators of other programs, from RGB [N, 3, H, W] in [0, 1] to the same range.

These functions repeat the networks of jaxsr/models, for inference only. Every export is compared with the original.
"""

from functools import partial

import numpy as np

from jaxsr.errors import InputError
from jaxsr.export.folding import folded
from jaxsr.export.operators import Operators, Value
from jaxsr.models import ESPCN, SRCNN, Compact, MSRResNet, RRDBNet, SRResNet, msrresnet, rrdbnet
from jaxsr.models.interpolation import sub_pixels
from jaxsr.models.layers import IMAGENET_DEVIATION, IMAGENET_MEAN
from jaxsr.upscaling.engine import Interpolation
from jaxsr.weights import Weights
from jaxsr.weights.layouts import unit_output

_REACH = {"nearest": 0, "bilinear": 1, "bicubic": 2}


def network(ops: Operators, x: Value, weights: Weights) -> Value:
    """A network's output for x, not clipped.

    Args:
      ops: operators that compute the output or write its graph.
      x: [N, 3, H, W] in [0, 1].
      weights: the network. Batch norms use their running statistics.

    Returns:
      [N, 3, H·scale, W·scale]; a linear output can leave [0, 1].

    Raises:
      InputError: this kind of network cannot be exported.
    """
    for kind, describe in _NETWORKS.items():
        if type(weights.model) is kind:
            return describe(ops, x, weights.model, folded(weights.variables))
    known = ", ".join(kind.__name__ for kind in _NETWORKS)
    raise InputError(f"{type(weights.model).__name__} cannot be exported: choose one of {known}")


def _srresnet(ops, x, model, params):
    if model.normalisation == "imagenet":
        mean, deviation = np.array(IMAGENET_MEAN, np.float32), np.array(IMAGENET_DEVIATION, np.float32)
        x = ops.affine(x, 1 / deviation, -mean / deviation)
    first = y = _activated(ops, x, params, "conv_first", "prelu_first")
    for i in range(model.blocks):
        block = params[f"block_{i}"]
        y = ops.add(y, ops.convolution(_activated(ops, y, block, "conv_1", "prelu"), **block["conv_2"]))
    y = ops.convolution(y, **params["conv_body"])
    if model.body_end == "prelu":
        y = ops.prelu(y, **params["prelu_body"])
    y = ops.add(first, y)
    for i, factor in enumerate(model.upscaling_stages):
        y = ops.shuffle(ops.convolution(y, **params[f"upconv_{i}"]), factor)
        y = ops.prelu(y, **params[f"prelu_up_{i}"])
    if model.output == "linear":
        return ops.convolution(y, **unit_output(params["conv_last"]))
    half = np.float32(0.5)
    return ops.affine(ops.tanh(ops.convolution(y, **params["conv_last"])), half, half)


def _espcn(ops, x, model, params):
    for name in ("conv_first", "conv_map"):
        x = ops.tanh(ops.convolution(x, **params[name]))
    return ops.shuffle(ops.convolution(x, **unit_output(params["conv_last"])), model.scale)


def _srcnn(ops, x, model, params):
    x = _enlarged(ops, x, model.scale, "bicubic")
    for name in ("conv_first", "conv_map"):
        x = ops.prelu(ops.convolution(x, **params[name]), np.float32(0))
    return ops.convolution(x, **unit_output(params["conv_last"]))


def _msrresnet(ops, x, model, params):
    relu, lrelu = (partial(ops.prelu, slope=np.float32(slope)) for slope in (0, msrresnet.SLOPE))
    y = lrelu(ops.convolution(x, **params["conv_first"]))
    for i in range(model.blocks):
        inner = relu(ops.convolution(y, **params[f"block_{i}_conv_1"]))
        y = ops.add(y, ops.convolution(inner, **params[f"block_{i}_conv_2"]))
    for i, factor in enumerate(model.upscaling_stages):
        y = lrelu(ops.shuffle(ops.convolution(y, **params[f"upconv_{i}"]), factor))
    y = lrelu(ops.convolution(y, **params["conv_hr"]))
    return ops.add(ops.convolution(y, **params["conv_last"]), _enlarged(ops, x, model.scale, "bilinear"))


def _rrdbnet(ops, x, model, params):
    lrelu = partial(ops.prelu, slope=np.float32(rrdbnet.SLOPE))
    squares, first = x, params["conv_first"]
    if model.unshuffle > 1:
        squares = ops.unshuffle(ops.mirrored_to_multiple(x, model.unshuffle), model.unshuffle)
        first = first | {"kernel": _pixels_first(first["kernel"], model.unshuffle)}
    y = first = ops.convolution(squares, **first)
    for i in range(model.blocks):
        inner = y
        for j in (1, 2, 3):
            inner = _dense(ops, lrelu, inner, params[f"block_{i}_dense_{j}"])
        y = ops.add(y, ops.affine(inner, np.float32(rrdbnet.RESIDUAL), np.float32(0)))
    y = ops.add(first, ops.convolution(y, **params["conv_body"]))
    for i in (0, 1):
        y = lrelu(ops.convolution(ops.repeat(y, 2), **params[f"upconv_{i}"]))
    y = lrelu(ops.convolution(y, **params["conv_hr"]))
    # The network itself returns 2 · y − 1 in [−1, 1], so that y is in [0, 1].
    y = ops.convolution(y, **params["conv_last"])
    return ops.cropped(y, x, model.scale) if model.unshuffle > 1 else y


def _dense(ops, lrelu, x, params):
    seen = [x]
    for i in range(1, 5):
        seen.append(lrelu(ops.convolution(ops.side_by_side(seen) if i > 1 else x, **params[f"conv_{i}"])))
    last = {name: np.float32(rrdbnet.RESIDUAL) * value for name, value in params["conv_5"].items()}
    return ops.add(x, ops.convolution(ops.side_by_side(seen), **last))


def _compact(ops, x, model, params):
    y = x
    for i in range(model.convolutions + 1):
        y = _activated(ops, y, params, f"conv_{i}", f"prelu_{i}")
    return ops.add(ops.shuffle(ops.convolution(y, **params["conv_last"]), model.scale), ops.repeat(x, model.scale))


def _interpolation(ops, x, model, params):
    del params
    return _enlarged(ops, x, model.scale, model.kernel)


_NETWORKS = {
    SRResNet: _srresnet,
    ESPCN: _espcn,
    SRCNN: _srcnn,
    MSRResNet: _msrresnet,
    RRDBNet: _rrdbnet,
    Compact: _compact,
    Interpolation: _interpolation,
}


def _activated(ops, x, params, convolution, prelu):
    return ops.prelu(ops.convolution(x, **params[convolution]), **params[prelu])


def _pixels_first(kernel, factor):
    """Reorder a kernel's input channels from `jaxsr.models.layers.pixel_unshuffle` to `Operators.unshuffle`."""
    rows, columns, channels, outputs = kernel.shape
    apart = kernel.reshape(rows, columns, channels // factor**2, factor**2, outputs)
    return apart.swapaxes(2, 3).reshape(kernel.shape)


def _enlarged(ops, x, scale, kernel):
    """MATLAB's `imresize` as a convolution that makes scale² pixels from each pixel, for any image size."""
    reach = _REACH[kernel]
    taps = sub_pixels(scale, kernel=kernel, side=2 * reach + 1).astype(np.float32)
    x = ops.mirrored_around(x, reach) if reach else x
    y = ops.convolution(x, taps, np.zeros(3 * scale**2, np.float32), padded=False)
    return ops.shuffle(y, scale)
