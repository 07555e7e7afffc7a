"""Write a network for other programs: `jaxsr export srresnet srresnet.onnx --format onnx`."""

from pathlib import Path
from typing import Literal

import tyro

from jaxsr.errors import InputError

_SUFFIXES = {"onnx": (".onnx",), "stablehlo": (".stablehlo",), "pth": (".pth", ".pt")}
# Modules that are imported here only, and the extras that have them.
_EXTRAS = {"onnx": "export", "onnxruntime": "export", "torch": "torch"}


def main(
    model: tyro.conf.Positional[str],
    out: tyro.conf.Positional[Path],
    *,
    format: Literal["onnx", "stablehlo", "pth"],
    float16: bool = False,
) -> None:
    """Write a network for other programs, once it is found to do there what it does here.

    Height and width are free; images are RGB, float32, [N, 3, H, W], in [0, 1]. What is known about the network goes
    along.

    Args:
      model: A bundled network, weights file (.safetensors, or another program's .pth or .param), folder of a training
        run; or nearest, bilinear, bicubic.
      out: File to write: .onnx, .stablehlo or .pth.
      format: onnx for onnxruntime, chaiNNer and others; stablehlo for jax.export on a CPU, CUDA and TPUs; pth for the
        program of PyTorch whose network it is (BasicSR, Real-ESRGAN, sgrvinod, leftthomas, Lornatang).
      float16: Compute, and keep the parameters, in half precision.
    """
    if out.suffix.lower() not in _SUFFIXES[format]:
        raise InputError(f"{out}: give it a name in {' or '.join(_SUFFIXES[format])}")
    try:
        from jaxsr.export.files import WRITERS
        from jaxsr.export.opening import open_network

        said = WRITERS[format](out, open_network(model), dtype="float16" if float16 else "float32")
    except ModuleNotFoundError as error:
        raise _missing(error, format) from error
    print(f"{out}: {said}")


def _missing(error: ModuleNotFoundError, format: str) -> Exception:
    package = (error.name or "").partition(".")[0]
    if package not in _EXTRAS:
        return error
    return InputError(f'--format {format} needs {package}: pip install "jaxsr[{_EXTRAS[package]}]"')
