"""Writing PNGs on one core and more: with jaxsr's writer, Pillow, and libvips with its defaults.

    python benchmarks/writing.py [--cores 1 2 4] [--compressions fast balanced small] [--json FILE]

Bundled photos are upscaled (×4) and joined side by side. The programs write the result in turns, in processes with a
given number of cores. Pixels are read back and compared. Sizes are relative to Pillow's.
"""

import json as json_module
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import pyvips
import tyro
from comparison import CORES, ROOT, write_json
from PIL import Image

import jaxsr
from jaxsr.imaging.png.deflate import Compression
from jaxsr.imaging.png.writing import write_png
from jaxsr.upscaling.files import upscale_file

# The code of a process with fewer cores. It prints its figures as JSON.
_MEASURED = "import sys, json, writing; print(json.dumps(writing.measure(*sys.argv[1:])))"


def measure(picture: str, *compressions: Compression) -> dict:
    """Seconds, processor seconds and bytes of each program, on the cores of this process."""
    stored = pyvips.Image.new_from_file(picture).copy_memory()
    expected = stored.numpy()
    programs = {f"jaxsr {compression}": partial(_ours, stored, compression) for compression in compressions}
    programs |= {"Pillow": Image.fromarray(expected).save, "libvips": lambda path: stored.pngsave(str(path))}
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, write in programs.items():
            path = Path(folder, f"{name}.png")
            start, processor = time.perf_counter(), time.process_time()
            write(path)
            seconds = {"processor_seconds": time.process_time() - processor, "seconds": time.perf_counter() - start}
            if not np.array_equal(pyvips.Image.new_from_file(str(path)).numpy(), expected):
                raise SystemExit(f"{name}: other pixels")
            results[name] = {**seconds, "bytes": path.stat().st_size}
    return results


def _ours(image, compression, path):
    with path.open("wb") as file:
        write_png(file, image, keep="all", compression=compression)


def upscaled(photos: tuple[str, ...], model: str, folder: Path) -> Path:
    """Write bundled photos, upscaled, side by side in one file."""
    upscaler, parts = jaxsr.load(model), []
    for name in photos:
        upscale_file(upscaler, ROOT / f"jaxsr/samples/{name}.jpg", folder / f"{name}.png")
        parts.append(pyvips.Image.new_from_file(str(folder / f"{name}.png")))
    pyvips.Image.arrayjoin(parts).pngsave(str(folder / "joined.png"))
    return folder / "joined.png"


def main(
    cores: tuple[int, ...] = tuple(sorted({1, CORES})),
    compressions: tuple[Compression, ...] = ("fast", "balanced"),
    photos: tuple[str, ...] = ("city", "flowers", "waves"),
    model: str = "srresnet",
    rounds: int = 3,
    json: Path | None = None,
) -> None:
    """Print megapixels per second.

    Args:
      cores: Numbers of cores to measure with.
      compressions: Compressions of jaxsr's writer.
      photos: Bundled photos, each of 5 megapixels in the result.
      model: The network that upscales the photos, as in scripts/upscale.py.
      rounds: Runs of each program.
      json: File for the figures (None: not written).
    """
    free = sorted(os.sched_getaffinity(0))
    runs = {count: [] for count in cores}
    with tempfile.TemporaryDirectory() as folder:
        picture = upscaled(photos, model, Path(folder))
        megapixels = np.prod(Image.open(picture).size) / 1e6
        for _ in range(rounds):
            for count, results in runs.items():
                few = ",".join(map(str, free[:count]))
                command = ["taskset", "-c", few, sys.executable, "-c", _MEASURED, picture, *compressions]
                done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT / "benchmarks")
                results.append(json_module.loads(done.stdout))
    print(f"{megapixels:.1f} megapixels by {model}, load {os.getloadavg()[0]:.1f}; medians of {rounds}")
    figures = {count: _summary(results, megapixels) for count, results in runs.items()}
    write_json(json, {"megapixels": megapixels, "model": model, "results": figures})
    for count, programs in figures.items():
        for name, rates in programs.items():
            print(f"  {count} cores  {name:<15}" + "".join(f"  {what} {rate:.3g}" for what, rate in rates.items()))


def _summary(results, megapixels):
    summary = {}
    for name in results[0]:
        seconds, processor, size = (
            float(np.median([result[name][what] for result in results]))
            for what in ("seconds", "processor_seconds", "bytes")
        )
        against = [result[name]["seconds"] / result["Pillow"]["seconds"] for result in results]
        summary[name] = {
            "megapixels_per_second": megapixels / seconds,
            "per_processor_second": megapixels / processor,
            "seconds_by_pillow": float(np.median(against)),
            "size_by_pillow": size / results[0]["Pillow"]["bytes"],
        }
    return summary


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
