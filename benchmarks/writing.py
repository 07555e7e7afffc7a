"""Writing PNGs: by our writer on one core and more, by Pillow, and by libvips as it is used for other formats.

    python benchmarks/writing.py [--cores 1 2] [--repeats 2] [--json FILE]

The photos of the package are upscaled (×4), joined to one picture, and written by each program in turn, in a process
that has as many cores as it says. Pixels are read back and compared first. Sizes are in proportion to Pillow's.
"""

import json as json_module
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyvips
import tyro
from comparison import CORES, ROOT, machine, write_json
from PIL import Image

import jaxsr
from jaxsr.imaging.picture import open_picture
from jaxsr.imaging.png import write_png
from jaxsr.upscaling.batch import upscale_file

COMPRESSIONS = ("fast", "balanced", "small")


def programs(picture: Path, folder: Path) -> dict:
    """What writes the picture, by name: (path of the result, function without arguments)."""
    stored = open_picture(picture).stored.copy_memory()
    pillow = Image.fromarray(stored.numpy())

    def ours(path, compression):
        with path.open("wb") as file:
            write_png(file, stored, keep="all", compression=compression)

    written = {f"jaxsr {name}": (folder / f"{name}.png", name) for name in COMPRESSIONS}
    found = {name: (path, lambda path=path, kind=kind: ours(path, kind)) for name, (path, kind) in written.items()}
    by_pillow, by_libvips = folder / "pillow.png", folder / "libvips.png"
    found["Pillow"] = by_pillow, lambda: pillow.save(by_pillow)
    found["libvips"] = by_libvips, lambda: stored.pngsave(str(by_libvips))
    return found


def measure(picture: Path, rounds: int) -> dict:
    """Seconds, processor seconds and bytes of each program, on the cores that this process has."""
    with tempfile.TemporaryDirectory() as folder:
        found = programs(picture, Path(folder))
        expected, results = open_picture(picture).stored.numpy(), {}
        for name, (path, write) in found.items():
            write()
            if not np.array_equal(pyvips.Image.new_from_file(str(path)).numpy(), expected):
                raise SystemExit(f"{name}: other pixels")
            results[name] = {"seconds": [], "processor_seconds": [], "bytes": path.stat().st_size}
        for _ in range(rounds):
            for name, (_, write) in found.items():
                start, processor = time.perf_counter(), time.process_time()
                write()
                results[name]["processor_seconds"].append(time.process_time() - processor)
                results[name]["seconds"].append(time.perf_counter() - start)
    return results


def upscaled(model: str, repeats: int, folder: Path) -> Path:
    """The package's photos, upscaled, beside and below one another."""
    parts = []
    for photo in sorted((ROOT / "jaxsr/samples").glob("*.jpg")):
        upscale_file(jaxsr.load(model), photo, folder / f"{photo.stem}.png")
        parts.append(pyvips.Image.new_from_file(str(folder / f"{photo.stem}.png")))
    sheet = pyvips.Image.arrayjoin(parts, across=3).replicate(1, repeats)
    sheet.pngsave(str(folder / "sheet.png"), compression=1)
    return folder / "sheet.png"


def main(
    cores: tuple[int, ...] = (1, CORES),
    model: str = "srresnet",
    repeats: int = 1,
    rounds: int = 3,
    json: Path | None = None,
) -> None:
    """Megapixels a second.

    Args:
      cores: How many to measure with.
      model: What upscales the photos, as of scripts/upscale.py.
      repeats: How often the photos are repeated: 32 megapixels each time.
      rounds: Timed runs of each program.
      json: File for the figures (None: not written).
    """
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        sheet = upscaled(model, repeats, Path(folder))
        height, width = open_picture(sheet).size
        for count in cores:
            # A process of its own, since threads keep the cores that they began with.
            code = f"import json, writing; print(json.dumps(writing.measure(writing.Path({str(sheet)!r}), {rounds})))"
            few = sorted(os.sched_getaffinity(0))[:count]
            command = ["taskset", "-c", ",".join(map(str, few)), sys.executable, "-c", code]
            done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT / "benchmarks")
            results[count] = json_module.loads(done.stdout)
    megapixels = height * width / 1e6
    print(f"{model}, {megapixels:.1f} megapixels, load {os.getloadavg()[0]:.1f}; medians of {rounds}")
    for count, found in results.items():
        theirs = found["Pillow"]
        for name, figures in found.items():
            seconds, processor = (float(np.median(figures[key])) for key in ("seconds", "processor_seconds"))
            figures["rate"], figures["size"] = megapixels / seconds, figures["bytes"] / theirs["bytes"]
            figures["ratio"] = seconds / float(np.median(theirs["seconds"]))
            print(
                f"  {count} cores  {name:<16} {figures['rate']:7.1f} megapixels/s  ({megapixels / processor:6.1f} by "
                f"processor time)  size {figures['size']:.3f}"
            )
    if json:
        write_json(json, {"megapixels": megapixels, "model": model, "results": results, "machine": machine()})


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
