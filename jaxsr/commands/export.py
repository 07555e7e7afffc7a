"""Export a network for other programs: `jaxsr export srresnet srresnet.onnx --format onnx`."""

from pathlib import Path
from typing import Annotated, Literal

import tyro

from jaxsr.errors import InputError, needing
from jaxsr.files import require_new

_SUFFIXES = {"onnx": (".onnx",), "stablehlo": (".stablehlo",), "pth": (".pth", ".pt")}
# Modules that only the export needs, and the extras that install them.
_EXTRAS = {"flatbuffers": "export", "onnx": "export", "onnxruntime": "export", "torch": "torch"}


def main(
    paths: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="MODEL OUT")],
    *,
    format: Literal["onnx", "stablehlo", "pth", "web"],
    float16: bool = False,
    overwrite: bool = False,
) -> None:
    """Export a network for other programs, and check that it gives the same results there.

    Images are RGB, float32, [N, 3, H, W], in [0, 1]. Height and width are free: from 4 pixels in StableHLO, from 2
    and 3 for an RRDBNet at ×2 and ×1 in ONNX, and from 1 otherwise. The file also holds the model card.

    Args:
      paths: MODEL is a bundled network, a weights file (.safetensors, .pth or .param), or the folder of a training run.
        Or an interpolation: nearest, bilinear or bicubic.
        OUT is the file to write; its name ends in .onnx, .stablehlo or .pth.
        For web, OUT is the folder to make. Any number of models can come before it. None given: espcn and srresnet.
      format: onnx is for onnxruntime, chaiNNer and others. stablehlo is for jax.export on CPUs, CUDA and TPUs.
        pth is for the PyTorch program that has this network: BasicSR, Real-ESRGAN, sgrvinod, leftthomas or Lornatang.
        web is a page that upscales in the browser with onnxruntime-web, which npm downloads.
      float16: Store the parameters and compute in half precision.
      overwrite: Replace the file OUT if it exists. Without this flag, the command refuses to start if it does.
    """
    if not paths:
        raise InputError("name a MODEL and the file OUT to write")
    *models, out = paths
    out = Path(out)
    if format == "web":
        if float16:
            raise InputError("--float16 is for files: leave it out, since not every browser computes in half precision")
        if overwrite:
            raise InputError("--overwrite is for files: leave it out, and name a new folder")
    elif len(models) != 1:
        raise InputError(f"--format {format} takes one MODEL before OUT, not {len(models)}")
    elif out.suffix.lower() not in _SUFFIXES[format]:
        raise InputError(f"{out}: give it a name in {' or '.join(_SUFFIXES[format])}")
    else:
        require_new(out, source=models[0], overwrite=overwrite)
    with needing(f"--format {format} needs {{}}", _EXTRAS):
        from jaxsr.export.files import WRITERS, open_network
        from jaxsr.export.web import NETWORKS, write_page

        if format == "web":
            said = write_page(out, models or NETWORKS)
        else:
            said = WRITERS[format](out, open_network(models[0]), dtype="float16" if float16 else "float32")
    print(f"{out}: {said}")
