"""Write a network for other programs: `jaxsr export srresnet srresnet.onnx --format onnx`."""

from pathlib import Path
from typing import Annotated, Literal

import tyro

from jaxsr.errors import InputError

_SUFFIXES = {"onnx": (".onnx",), "stablehlo": (".stablehlo",), "pth": (".pth", ".pt")}
# Modules that are imported here only, and the extras that have them.
_EXTRAS = {"onnx": "export", "onnxruntime": "export", "torch": "torch"}


def main(
    paths: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="MODEL OUT")],
    *,
    format: Literal["onnx", "stablehlo", "pth", "web"],
    float16: bool = False,
) -> None:
    """Write a network for other programs, once it is found to do there what it does here.

    Height and width are free; images are RGB, float32, [N, 3, H, W], in [0, 1]. What is known about the network goes
    along.

    Args:
      paths: MODEL is a bundled network, weights file (.safetensors, or another program's .pth or .param) or folder of a
        training run; or nearest, bilinear, bicubic. OUT is the file to write, in .onnx, .stablehlo or .pth. For web OUT
        is the folder to make, with any number of models before it (none: espcn and srresnet).
      format: onnx for onnxruntime, chaiNNer and others; stablehlo for jax.export on a CPU, CUDA and TPUs; pth for the
        program of PyTorch whose network it is (BasicSR, Real-ESRGAN, sgrvinod, leftthomas, Lornatang); web for a page
        that upscales in the browser, with onnxruntime-web, which npm fetches.
      float16: Compute, and keep the parameters, in half precision.
    """
    if not paths:
        raise InputError("say which MODEL, and to which OUT")
    *models, out = paths
    out = Path(out)
    if format == "web":
        if float16:
            raise InputError("--float16 is for files: not every browser computes in half precision")
    elif len(models) != 1:
        raise InputError(f"--format {format} takes one MODEL before OUT, and not {len(models)}")
    elif out.suffix.lower() not in _SUFFIXES[format]:
        raise InputError(f"{out}: give it a name in {' or '.join(_SUFFIXES[format])}")
    try:
        from jaxsr.export.files import WRITERS
        from jaxsr.export.opening import open_network
        from jaxsr.export.web import NETWORKS, write_page

        if format == "web":
            said = write_page(out, models or NETWORKS)
        else:
            said = WRITERS[format](out, open_network(models[0]), dtype="float16" if float16 else "float32")
    except ModuleNotFoundError as error:
        raise _missing(error, format) from error
    print(f"{out}: {said}")


def _missing(error: ModuleNotFoundError, format: str) -> Exception:
    package = (error.name or "").partition(".")[0]
    if package not in _EXTRAS:
        return error
    return InputError(f'--format {format} needs {package}: pip install "jaxsr[{_EXTRAS[package]}]"')
