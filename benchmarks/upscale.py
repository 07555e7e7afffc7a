"""Time per megapixel and peak memory of the command line, for small, medium and large photos.

    python benchmarks/upscale.py [--model srresnet] [--megapixels 0.1 1 12]

Each photo goes through scripts/upscale.py twice, in a process of its own, reading and writing included: the first run
fills the compilation cache, the second one counts. Memory is the largest resident set of that process, as the operating
system has it. The photos are cut from, or mirrored from, a photo of the package.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tyro
from PIL import Image

ROOT = Path(__file__).parents[1]


def photo(megapixels: float) -> Image.Image:
    """A 4:3 photo of that many pixels, by mirroring a sample as often as need be."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    width = round(height * 4 / 3)
    pixels = np.asarray(Image.open(ROOT / "jaxsr/samples/flowers.jpg"))
    pixels = np.concatenate([pixels, pixels[::-1]])
    pixels = np.concatenate([pixels, pixels[:, ::-1]], axis=1)
    tiles = (-(-height // pixels.shape[0]), -(-width // pixels.shape[1]), 1)
    return Image.fromarray(np.tile(pixels, tiles)[:height, :width])


def measure(source: Path, target: Path, *, model: str, cache: Path) -> dict:
    """Seconds and peak megabytes of one run of the command."""
    command = [sys.executable, str(ROOT / "scripts/upscale.py"), str(source), "-o", str(target), "--overwrite"]
    start = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--model", model], env=os.environ | {"XDG_CACHE_HOME": str(cache)}, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return {"seconds": time.perf_counter() - start, "peak_megabytes": usage.ru_maxrss / 1e3}


def main(
    model: str = "srresnet",
    megapixels: tuple[float, ...] = (0.1, 1.0, 12.0),
    suffix: str = ".png",
    json_file: Path | None = None,
) -> None:
    """Print a line for each size.

    Args:
      model: As of scripts/upscale.py.
      megapixels: Sizes of the photos, in 10⁶ pixels.
      suffix: Of the results.
      json_file: File for the figures (None: not written).
    """
    rows = []
    print(f"{model}, {os.cpu_count()} cores; seconds with start-up, reading and writing")
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder, "cache")
        for size in megapixels:
            source = Path(folder, f"{size:g}.png")
            picture = photo(size)
            picture.save(source)
            first = measure(source, Path(folder, f"out{suffix}"), model=model, cache=cache)
            again = first if size > 4 else measure(source, Path(folder, f"out{suffix}"), model=model, cache=cache)
            exact = picture.width * picture.height / 1e6
            rows.append({"megapixels": exact, "first": first, **again, "per_megapixel": again["seconds"] / exact})
            print(
                f"{picture.width} × {picture.height}: {again['seconds']:.1f} s (at first {first['seconds']:.1f}), "
                f"{again['seconds'] / exact:.1f} s per megapixel, peak {again['peak_megabytes']:.0f} MB",
                flush=True,
            )
    if json_file:
        json_file.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    tyro.cli(main)
