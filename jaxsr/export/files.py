"""Export to the file formats of other programs. A file is kept only if its results equal the network's."""

import os
from collections.abc import Callable
from pathlib import Path

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict
from PIL import Image

from jaxsr.errors import InputError
from jaxsr.files import replacing
from jaxsr.imaging.color import unit_from_signed, unit_from_uint8
from jaxsr.upscaling.engine import INTERPOLATIONS, Interpolation
from jaxsr.weights import Weights
from jaxsr.weights.opening import open_weights

_PHOTO = Path(__file__).parents[1] / "samples" / "flowers.jpg"
# Heights and widths of the crops that are compared: odd and even, taller than wide and wider than tall.
_SIZES = ((26, 19), (17, 32))
# Largest absolute differences of a value in [0, 1].
_TOLERANCES = {"float32": 1e-4, "float16": 2e-3}


def open_network(name_or_path: str | os.PathLike) -> Weights:
    """Open a network, or an interpolation as a ×4 network without parameters.

    Args:
      name_or_path: see `jaxsr.load`. "auto" is not accepted, since it is not a single network.

    Raises:
      InputError: see `jaxsr.weights.opening.open_weights`.
    """
    if isinstance(name_or_path, str) and name_or_path in INTERPOLATIONS:
        return Weights(Interpolation(name_or_path), {"params": {}}, {"interpolation": name_or_path, "scale": 4})
    return open_weights(name_or_path)


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
        return _compare(_runner(temporary), weights, dtype, by="onnxruntime")


def write_stablehlo(path: Path, weights: Weights, *, dtype: str) -> str:
    """Write a StableHLO program (see `jaxsr.export.jax_program`) and check it; otherwise like `write_onnx`."""
    # JAX writes programs with it, but does not install it.
    import flatbuffers  # noqa: F401

    from jaxsr.export.jax_program import exported_program, with_card

    program = exported_program(weights, dtype=np.dtype(dtype))
    with replacing(path) as temporary:
        temporary.write_bytes(with_card(bytes(program.serialize()), weights.card))
        read = jax.export.deserialize(bytearray(temporary.read_bytes()))
        return _compare(jax.jit(read.call), weights, dtype, by="JAX, reading it again,")


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


def _compare(run, weights, dtype, *, by):
    """Run a program [N, 3, H, W] to [N, 3, H·scale, W·scale] on two crops of a photo; the result in words."""
    with Image.open(_PHOTO) as image:
        photo = unit_from_uint8(np.asarray(image.convert("RGB")))
    apply = jax.jit(lambda x: jnp.clip(unit_from_signed(weights.model.apply(weights.variables, x)), 0, 1))
    worst, tolerance = 0.0, _TOLERANCES[dtype]
    for height, width in _SIZES:
        part = photo[None, 100 : 100 + height, 50 : 50 + width]
        ours = np.asarray(apply(part)).transpose(0, 3, 1, 2)
        theirs = np.asarray(run(np.ascontiguousarray(part.transpose(0, 3, 1, 2))))
        if theirs.shape != ours.shape:
            raise InputError(f"the exported program made {theirs.shape} from {part.shape}; nothing was written")
        # A NaN counts as larger than any tolerance.
        worst = max(worst, np.nan_to_num(np.abs(theirs - ours).max(), nan=np.inf))
    if worst > tolerance:
        raise InputError(
            f"the exported program differs from the network by {worst:.1e}, more than {tolerance:g}, on a photo; "
            "nothing was written"
        )
    return f"{by} differs from the network by {worst:.1e} at most"


def _runner(path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Errors only: the warnings are about speed.
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda images: session.run(["output"], {"input": images})[0]
