"""A static page that upscales photos in the browser: the demo's page, with onnxruntime-web in place of its server."""

import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from jaxsr.errors import InputError
from jaxsr.export.files import write_onnx
from jaxsr.export.opening import open_network
from jaxsr.upscaling.engine import Interpolation
from jaxsr.weights import Weights

NETWORKS = ("espcn", "srresnet")
_RUNTIME = "onnxruntime-web@1.30.0"
# For browsers with WebGPU, and for the others.
_RUNTIME_FILES = (
    "ort.webgpu.min.mjs",
    "ort-wasm-simd-threaded.asyncify.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",
    "ort.wasm.min.mjs",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
)
# Sixteen times as many are what a canvas can hold.
_MEGAPIXELS = 4
_PACKAGE = Path(__file__).parents[1]


def write_page(folder: Path, names: Sequence[str]) -> str:
    """Write the page, whole or not at all, and give in words what there is.

    Args:
      folder: to be made.
      names: networks that it offers, see `jaxsr.load`.

    Raises:
      InputError: the folder exists already, npm is missing or fails, or a network cannot be exported.
      OSError: the folder cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is there already: name a folder that is to be made")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
        made = Path(temporary) / "page"
        shutil.copytree(_PACKAGE / "demo" / "page", made / "page")
        # Its upscaling.js takes the place of the one that asks a server.
        shutil.copytree(_PACKAGE / "export" / "page", made / "page", dirs_exist_ok=True)
        (made / "page" / "index.html").rename(made / "index.html")
        _fetch_runtime(made / "page" / "onnxruntime")
        samples = _copy_samples(made)
        models = [_write_network(made, name) for name in names]
        settings = {"models": models, "samples": samples, "megapixels": _MEGAPIXELS}
        (made / "models.json").write_text(json.dumps(settings, indent=1, ensure_ascii=False), encoding="utf-8")
        made.replace(folder)
    return f"open index.html from any web server, as from: python -m http.server -d {folder}"


def _write_network(folder, name):
    weights = open_network(name)
    model, stem = weights.model, Path(name).stem
    if getattr(model, "unshuffle", 1) > 1:
        raise InputError(f"{name}: the page takes no network that unshuffles its input, as RRDBNet at ×2 and ×1")
    file, bicubic = f"models/{stem}.onnx", f"models/bicubic_x{model.scale}.onnx"
    write_onnx(folder / file, weights, dtype="float32")
    if not (folder / bicubic).exists():
        interpolation = Interpolation("bicubic", model.scale)
        write_onnx(folder / bicubic, Weights(interpolation, {"params": {}}, {}), dtype="float32")
    return {"name": stem, "file": file, "bicubic": bicubic, "scale": model.scale, "halo": model.halo}


def _copy_samples(folder):
    samples = sorted((_PACKAGE / "samples").rglob("*.[jp][pn]g"))
    paths = [path.relative_to(_PACKAGE).as_posix() for path in samples]
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_PACKAGE / path, folder / path)
    return paths


def _fetch_runtime(folder):
    """Take what the page needs from the package that npm fetches, whose hash npm checks."""
    npm = shutil.which("npm")
    if npm is None:
        raise InputError(f"--format web needs npm, which fetches {_RUNTIME}: install Node.js")
    folder.mkdir()
    with tempfile.TemporaryDirectory() as temporary:
        command = [npm, "pack", _RUNTIME, "--prefer-offline", "--loglevel=error", "--pack-destination", temporary]
        result = subprocess.run(command, capture_output=True, text=True, cwd=temporary)
        archives = list(Path(temporary).glob("*.tgz"))
        if result.returncode or not archives:
            reason = (result.stderr.strip().splitlines() or ["no reason given"])[0]
            raise InputError(
                f"npm could not fetch {_RUNTIME}, which --format web needs ({reason}); is the network there?"
            )
        with tarfile.open(archives[0]) as archive:
            for name in _RUNTIME_FILES:
                with archive.extractfile(f"package/dist/{name}") as source, open(folder / name, "wb") as destination:
                    shutil.copyfileobj(source, destination)
