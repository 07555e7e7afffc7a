"""Export to the file formats of other programs. A file is kept only if its results equal the network's."""

from collections.abc import Callable
from pathlib import Path

import jax
import jax.export
import numpy as np
from flax.traverse_util import flatten_dict

from jaxsr.errors import InputError
from jaxsr.export.check import TOLERANCES, check
from jaxsr.files import replacing
from jaxsr.weights import Weights


def write_onnx(path: Path, weights: Weights, *, dtype: str) -> str:
    """Write an ONNX model (see `jaxsr.export.onnx_graph`) and check it with onnxruntime.

    Args:
      path: the file to write.
      weights: the network.
      dtype: "float32" or "float16", for computation and for the stored parameters.

    Returns:
      The result of the check, in words.

    Raises:
      InputError: the network cannot be exported, or onnxruntime's results differ.
      OSError: the file cannot be written.
    """
    from jaxsr.export.onnx_graph import onnx_model

    with replacing(path) as temporary:
        temporary.write_bytes(onnx_model(weights, dtype=np.dtype(dtype)).SerializeToString())
        return _held(_runner(temporary), weights, dtype, "onnxruntime")


def write_stablehlo(path: Path, weights: Weights, *, dtype: str) -> str:
    """Write a StableHLO program (see `jaxsr.export.jax_program`) and check it; otherwise like `write_onnx`."""
    # JAX writes programs with it, but does not install it.
    import flatbuffers  # noqa: F401

    from jaxsr.export.jax_program import exported_program, with_card

    program = exported_program(weights, dtype=np.dtype(dtype))
    with replacing(path) as temporary:
        temporary.write_bytes(with_card(bytes(program.serialize()), weights.card))
        read = jax.export.deserialize(bytearray(temporary.read_bytes()))
        return _held(jax.jit(read.call), weights, dtype, "JAX, reading it again,")


def write_pth(path: Path, weights: Weights, *, dtype: str) -> str:
    """Write a .pth file (see `jaxsr.export.state_dict`) and check it; otherwise like `write_onnx`.

    The returned words name the program whose layout the file has.
    """
    from jaxsr.export.state_dict import layout_of, state_dict, torch_file
    from jaxsr.weights.layouts import LAYOUTS
    from jaxsr.weights.opening import port_generator

    name, written = layout_of(weights), flatten_dict(weights.variables, sep="/")
    layout = LAYOUTS[name]
    with replacing(path) as temporary:
        content = torch_file(state_dict(weights, layout), weights.card, under=layout.key, dtype=np.dtype(dtype))
        temporary.write_bytes(content)
        read = port_generator(temporary, name, origin="", licence="")
        # A layout whose output is in [0, 1] rescales the last bias, which rounds it once more.
        rtol, atol = (2e-3, 1e-3) if dtype == "float16" else (0.0, 1e-6)
        for tensor, value in flatten_dict(read.variables, sep="/").items():
            if not np.allclose(value, written[tensor], rtol=rtol, atol=atol):
                raise InputError(f"{path}: {tensor} does not fit {dtype}; nothing was written")
    return f"as {name} names its tensors" + (f", under {layout.key!r}" if layout.key else "")


WRITERS: dict[str, Callable] = {"onnx": write_onnx, "stablehlo": write_stablehlo, "pth": write_pth}


def _held(run, weights, dtype, reader):
    difference = check(run, weights, tolerance=TOLERANCES[dtype])
    return f"{reader} differs from the network by {difference:.1e} at most"


def _runner(path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Errors only: the warnings are about speed.
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda images: session.run(["output"], {"input": images})[0]
