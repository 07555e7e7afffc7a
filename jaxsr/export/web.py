"""A static page that upscales photos in the browser: the demo's page with onnxruntime-web instead of its server."""

import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from jaxsr.errors import InputError
from jaxsr.export.files import open_network, write_onnx
from jaxsr.upscaling.engine import Interpolation
from jaxsr.weights import Weights
from jaxsr.weights.opening import short_name

NETWORKS = ("espcn", "srresnet")
_RUNTIME = "onnxruntime-web@1.30.0"
# For browsers with WebGPU, and for browsers without.
_RUNTIME_FILES = (
    "ort.webgpu.min.mjs",
    "ort-wasm-simd-threaded.asyncify.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",
    "ort.wasm.min.mjs",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
)
# A result has 16 times as many pixels, which is about what a canvas can hold.
_MEGAPIXELS = 4
_PACKAGE = Path(__file__).parents[1]


def write_page(folder: Path, names: Sequence[str]) -> str:
    """Write the page, complete or not at all.

    Args:
      folder: the folder to make.
      names: networks that the page offers, see `jaxsr.load`.

    Returns:
      A sentence that says how to open the page.

    Raises:
      InputError: the folder exists already, two networks have the same file name, npm is missing or fails, or a
        network cannot be exported.
      OSError: the folder cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists already: name a new folder")
    shown = [short_name(name) for name in names]
    twice = [name for name in shown if shown.count(name) > 1]
    if twice:
        raise InputError(f"{len(twice)} models are called {twice[0]}, and the page lists them by name; rename one")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
        made = Path(temporary) / "page"
        shutil.copytree(_PACKAGE / "demo" / "page", made / "page")
        # Its upscaling.js replaces the one that calls a server.
        shutil.copytree(_PACKAGE / "export" / "page", made / "page", dirs_exist_ok=True)
        (made / "page" / "index.html").rename(made / "index.html")
        _fetch_runtime(made / "page" / "onnxruntime")
        samples = _copy_samples(made)
        models = [_write_network(made, name) for name in names]
        settings = {"models": models, "samples": samples, "megapixels": _MEGAPIXELS}
        (made / "models.json").write_text(json.dumps(settings, indent=1, ensure_ascii=False), encoding="utf-8")
        made.replace(folder)
    return f"serve this folder with any web server, for example: python -m http.server -d {folder}"


def _write_network(folder, name):
    weights = open_network(name)
    model, shown = weights.model, short_name(name)
    if model.unshuffle > 1:
        raise InputError(
            f"{name}: the page cannot run a network that unshuffles its input, such as RRDBNet at ×2 or ×1"
        )
    file, bicubic = f"models/{shown}.onnx", f"models/bicubic_x{model.scale}.onnx"
    write_onnx(folder / file, weights, dtype="float32")
    if not (folder / bicubic).exists():
        interpolation = Interpolation("bicubic", model.scale)
        write_onnx(folder / bicubic, Weights(interpolation, {"params": {}}, {}), dtype="float32")
    return {"name": shown, "file": file, "bicubic": bicubic, "scale": model.scale, "halo": model.halo}


def _copy_samples(folder):
    samples = sorted((_PACKAGE / "samples").rglob("*.[jp][pn]g"))
    paths = [path.relative_to(_PACKAGE).as_posix() for path in samples]
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_PACKAGE / path, folder / path)
    return paths


def _fetch_runtime(folder):
    """Download the runtime's package with npm, which checks its hash, and copy the files that the page needs."""
    npm = shutil.which("npm")
    if npm is None:
        raise InputError(f"--format web needs npm to download {_RUNTIME}: install Node.js")
    folder.mkdir()
    with tempfile.TemporaryDirectory() as temporary:
        command = [npm, "pack", _RUNTIME, "--prefer-offline", "--loglevel=error", "--pack-destination", temporary]
        result = subprocess.run(command, capture_output=True, text=True, cwd=temporary)
        archives = list(Path(temporary).glob("*.tgz"))
        if result.returncode or not archives:
            reason = (result.stderr.strip().splitlines() or ["no reason given"])[0]
            raise InputError(
                f"npm could not download {_RUNTIME}, which --format web needs ({reason}); check the network connection"
            )
        with tarfile.open(archives[0]) as archive:
            for name in _RUNTIME_FILES:
                source = archive.extractfile(f"package/dist/{name}")
                assert source is not None, f"{name} is a folder in {_RUNTIME}"
                with source, open(folder / name, "wb") as destination:
                    shutil.copyfileobj(source, destination)
