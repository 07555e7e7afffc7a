"""Pairs of ncnn files, NAME.param and NAME.bin, the form in which Real-ESRGAN ships its networks.

The .param file names the layers and their connections. The .bin file has their weights one after another. Only the
layers of the two known networks are read, and their connections must be those of one of the two.
"""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from jaxsr.errors import InputError
from jaxsr.weights.ncnn_graph import Layer, names_of

_MAGIC = "7767517"
_FLOAT16, _FLOAT32 = 0x01306B47, 0
# Options of a 3×3 convolution with strides of 1, a padding of 1 and a bias: {number: (ncnn's default, the value that is
# required)}. The paddings 14 to 16 default to padding 4.
_CONVOLUTION = {1: (0, 3), 2: (1, 1), 3: (1, 1), 4: (0, 1), 5: (0, 1), 7: (1, 1), 8: (0, 0), 18: (0, 0)}
_BY_DEFAULT_AS = {11: 1, 12: 2, 13: 3, 14: 4, 15: 14, 16: 14}


def read_pair(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Read the tensors of an RRDBNet or an SRVGGNetCompact, under BasicSR's names.

    Args:
      path: NAME.param. NAME.bin must be beside it, with kernels in float16 or float32.

    Raises:
      InputError: one of the files is missing or broken, or they contain another network.
    """
    path = Path(path)
    weights = path.with_suffix(".bin")
    if not weights.is_file():
        raise InputError(f"{path}: its weights {weights.name} are not beside it; put both files into one folder")
    layers = read_layers(path)
    names = names_of(layers, source=str(path))
    stored = filter(None, _read_weights(weights, layers))
    return {f"{name}.{kind}": value for name, each in zip(names, stored, strict=True) for kind, value in each.items()}


def read_layers(path: Path) -> list[Layer]:
    """Read the layers of a .param file.

    Raises:
      InputError: it is not a .param file in text form.
    """
    try:
        magic, counts, *lines = path.read_text(encoding="utf-8").split("\n")
        lines = [line.split() for line in lines if line.strip()]
        layers = [_layer(line) for line in lines]
        if magic.strip() != _MAGIC or len(layers) != int(counts.split()[0]):
            raise ValueError(f"{len(layers)} layers")
    except (ValueError, IndexError) as error:
        raise InputError(f"{path}: not a .param file of ncnn in its text form ({error})") from error
    return layers


def _layer(words):
    kind, name, inputs, outputs = *words[:2], int(words[2]), int(words[3])
    blobs, options = words[4 : 4 + inputs + outputs], {}
    if len(blobs) < inputs + outputs:
        raise ValueError(f"{name} lacks blobs")
    for option in words[4 + inputs + outputs :]:
        key, _, value = option.partition("=")
        number, values = int(key), tuple(float(each) for each in value.split(","))
        is_array = number <= -23300
        number = -23300 - number if is_array else number
        # An array begins with its length. The layers that are read have arrays only under these numbers.
        if (is_array and number not in (1, 10)) or len(values) != (1 + values[0] if is_array else 1):
            raise ValueError(f"the option {option} of {name}")
        if not np.isfinite(values).all():
            raise ValueError(f"the option {option} of {name}")
        options[number] = values[1:] if is_array else values[0]
    return Layer(kind, name, tuple(blobs[:inputs]), tuple(blobs[inputs:]), options)


def _read_weights(path, layers) -> list[dict[str, np.ndarray]]:
    """The tensors of each layer, float32: "weight" and "bias" of a convolution, "weight" of a PReLU."""
    data, position = path.read_bytes(), 0

    def take(count, dtype):
        nonlocal position
        size = count * np.dtype(dtype).itemsize
        if position + size > len(data):
            raise InputError(f"{path}: cut short: it has {len(data)} bytes, and its .param needs more")
        values = np.frombuffer(data, dtype, count, position)
        # The next tensor is aligned to four bytes.
        position += size + -size % 4
        return values

    tensors = [_WEIGHTS.get(layer.kind, lambda *_: {})(layer, take, path) for layer in layers]
    if position != len(data):
        raise InputError(f"{path}: {len(data) - position} bytes more than its .param needs")
    return tensors


def _convolution(layer, take: Callable, path):
    for number, (default, needed) in _CONVOLUTION.items():
        if layer.options.get(number, default) != needed:
            raise InputError(f"{path}: {layer.name} is not a 3×3 convolution with a bias and strides of 1, in float")
    for number, other in _BY_DEFAULT_AS.items():
        if number in layer.options and layer.options[number] != layer.options.get(other):
            raise InputError(f"{path}: {layer.name} is a convolution whose axes differ")
    outputs, size = (int(layer.options.get(number, 0)) for number in (0, 6))
    if outputs < 1 or size < 1 or size % (9 * outputs):
        raise InputError(f"{path}: {layer.name} has {size} weights for {outputs} outputs")
    (flag,) = take(1, "<u4")
    if flag not in (_FLOAT16, _FLOAT32):
        raise InputError(f"{path}: {layer.name} is stored as {flag:#010x}; only float16 and float32 can be read")
    kernel = take(size, "<f2" if flag == _FLOAT16 else "<f4").astype(np.float32)
    return {"weight": kernel.reshape(outputs, size // (9 * outputs), 3, 3), "bias": take(outputs, "<f4")}


def _prelu(layer, take, path):
    count = int(layer.options.get(0, 0))
    if count < 1:
        raise InputError(f"{path}: {layer.name} has no slopes")
    return {"weight": take(count, "<f4")}


_WEIGHTS = {"Convolution": _convolution, "PReLU": _prelu}
