"""Networks as ONNX models, in a few operators that all runtimes have.

The graph is written node by node. A translation of JAX's program keeps operations that XLA would remove, such as
transpositions between layouts.
"""

import json
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike, DTypeLike
from onnx import TensorProto, helper, numpy_helper

from jaxsr.export.networks import network
from jaxsr.weights import Weights

# Old enough for the runtimes in use, and new enough for the operators used here.
_OPSET, _IR_VERSION = 17, 8


class _OnnxOperators:
    """`jaxsr.export.operators.Operators` that write nodes. Images are names of values.

    Attributes:
      dtype: dtype of constants and images, float32 or float16.
      nodes: the nodes, in the order of computation.
      constants: the constants that the nodes name.
    """

    def __init__(self, dtype: DTypeLike):
        self.dtype = np.dtype(dtype)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def convolution(self, x: str, kernel: np.ndarray, bias: np.ndarray, *, padded: bool = True) -> str:
        margins = [kernel.shape[0] // 2 * padded] * 4
        constants = self.constant(kernel.transpose(3, 2, 0, 1)), self.constant(bias)
        return self.node("Conv", x, *constants, kernel_shape=kernel.shape[:2], pads=margins)

    def prelu(self, x: str, slope: np.ndarray) -> str:
        if np.ndim(slope):
            return self.node("PRelu", x, self.constant(slope[:, None, None]))
        return self.node("LeakyRelu", x, alpha=float(slope)) if slope else self.node("Relu", x)

    def tanh(self, x: str) -> str:
        return self.node("Tanh", x)

    def affine(self, x: str, gain: np.ndarray, offset: np.ndarray) -> str:
        gain, offset = (np.reshape(value, (-1, 1, 1)) if np.ndim(value) else value for value in (gain, offset))
        y = self.node("Mul", x, self.constant(gain))
        return self.node("Add", y, self.constant(offset)) if np.any(offset) else y

    def add(self, x: str, y: str) -> str:
        return self.node("Add", x, y)

    def side_by_side(self, images: list[str]) -> str:
        return self.node("Concat", *images, axis=1)

    def shuffle(self, x: str, factor: int) -> str:
        return self.node("DepthToSpace", x, blocksize=factor, mode="CRD")

    def unshuffle(self, x: str, factor: int) -> str:
        return self.node("SpaceToDepth", x, blocksize=factor)

    def repeat(self, x: str, factor: int) -> str:
        scales = self.constant([1, 1, factor, factor], dtype=np.float32)
        how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return self.node("Resize", x, "", scales, **how)

    def mirrored_around(self, x: str, margin: int) -> str:
        # One pixel at a time, so that the image can be narrower than the margin.
        for axis in (2, 3):
            for step in range(margin):
                first = self._slice(x, 2 * step, 2 * step + 1, axis, 1)
                last = self._slice(x, -2 * step - 1, -2 * step - 2, axis, -1)
                x = self.node("Concat", first, x, last, axis=axis)
        return x

    def mirrored_to_multiple(self, x: str, multiple: int) -> str:
        missing = self.node("Mod", self.node("Neg", self._size(x)), self.constant([multiple], dtype=np.int64))
        before = self.constant([0] * 6, dtype=np.int64)
        return self.node("Pad", x, self.node("Concat", before, missing, axis=0), mode="reflect")

    def cropped(self, y: str, x: str, scale: int) -> str:
        ends = self.node("Mul", self._size(x), self.constant([scale], dtype=np.int64))
        start, axes = self.constant([0, 0], dtype=np.int64), self.constant([2, 3], dtype=np.int64)
        return self.node("Slice", y, start, ends, axes)

    def node(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Write one node and return the name of its value."""
        name = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def constant(self, values: ArrayLike, *, dtype: DTypeLike | None = None) -> str:
        """Store a constant and return its name. The default dtype is that of the images."""
        name = f"constant_{len(self.constants)}"
        array = np.ascontiguousarray(np.asarray(values, self.dtype if dtype is None else dtype))
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def _slice(self, x, start, end, axis, step):
        return self.node("Slice", x, *(self.constant([value], dtype=np.int64) for value in (start, end, axis, step)))

    def _size(self, x):
        return self.node("Shape", x, start=2)


def onnx_model(weights: Weights, *, dtype: DTypeLike = np.float32) -> onnx.ModelProto:
    """A network as an ONNX model from "input" [N, 3, H, W] to "output" [N, 3, H·scale, W·scale].

    Both are RGB, float32, in [0, 1], whatever the dtype of computation. N, H and W are free; for an
    RRDBNet, H and W are at least 2 at ×2 and 3 at ×1. The model's metadata hold the card as JSON.

    Args:
      weights: the network.
      dtype: float32 or float16, for computation and for the stored parameters.

    Raises:
      InputError: see `jaxsr.export.networks.network`.
    """
    ops, scale, short = _OnnxOperators(dtype), weights.model.scale, np.dtype(dtype) == np.float16
    x = ops.node("Cast", "input", to=TensorProto.FLOAT16) if short else "input"
    y = network(ops, x, weights)
    y = ops.node("Cast", y, to=TensorProto.FLOAT) if short else y
    limits = (ops.constant(value, dtype=np.float32) for value in (0, 1))
    ops.node("Clip", y, *limits, output="output")
    sizes = {"input": ("height", "width"), "output": (f"{scale}*height", f"{scale}*width")}
    images = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 3, *size]) for name, size in sizes.items()
    ]
    graph = helper.make_graph(ops.nodes, "jaxsr", images[:1], images[1:], ops.constants)
    opsets = [helper.make_opsetid("", _OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="jaxsr")
    text = json.dumps(weights.card, sort_keys=True, ensure_ascii=False)
    helper.set_model_props(model, {"card": text, "scale": str(scale)})
    onnx.checker.check_model(model, full_check=True)
    return model
