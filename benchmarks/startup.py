"""Start-up time: `import jaxsr`, and a small picture by the command line, the first time and later.

    python benchmarks/startup.py [--rounds 5] [--json FILE]

Each runs in its own process, in turns with PyTorch: `import torch`, and the same network and weights from file to file
by benchmarks/torch_upscale.py. The first time there is no compilation cache; later there is, except on x86
processors under Linux, where none is kept. The results are compared.
"""

import os
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import tyro
from comparison import CORES, ROOT, in_turns, write_json
from PIL import Image
from upscale import measure, photo, save_torch_weights


def main(rounds: int = 5, size: int = 256, json: Path | None = None) -> None:
    """Print the medians.

    Args:
      rounds: Timed runs of each program.
      size: Side of the picture, in pixels.
      json: File for the figures (None: not written).
    """
    with tempfile.TemporaryDirectory() as folder:
        source, target, theirs, weights, cache = (
            Path(folder, name) for name in ("small.png", "ours.png", "theirs.png", "twin.pt", "cache")
        )
        photo(1.0).crop((0, 0, size, size)).save(source)
        save_torch_weights(weights)
        ours = [ROOT / "scripts/upscale.py", source, "-o", target, "--overwrite"]
        fresh = lambda: measure(ours, cache=Path(tempfile.mkdtemp(dir=folder)))  # noqa: E731
        programs = {
            "import jaxsr": partial(measure, ["-c", "import jaxsr"], cache=cache),
            "import jaxsr, load": partial(measure, ["-c", "import jaxsr; jaxsr.load('srresnet')"], cache=cache),
            "import torch": partial(measure, ["-c", "import torch"], cache=cache),
            "jaxsr, first": fresh,
            "jaxsr, later": partial(measure, ours, cache=cache),
            "PyTorch": partial(measure, [ROOT / "benchmarks/torch_upscale.py", weights, source, theirs], cache=cache),
        }
        seconds = in_turns(programs, rounds=rounds)
        levels = np.abs(np.subtract(*(np.asarray(Image.open(path), int) for path in (target, theirs))))
    if levels.max() > 1:
        raise SystemExit(f"the results differ by {levels.max()} levels; there is nothing to compare")
    medians = {name: float(np.median(values)) for name, values in seconds.items()}
    print(f"{size}×{size} to {4 * size}×{4 * size} from file to file, {CORES} cores, load {os.getloadavg()[0]:.1f}")
    for name, value in medians.items():
        print(f"  {name:<20} {value:6.2f} s")
    ratios = {which: medians[f"jaxsr, {which}"] / medians["PyTorch"] for which in ("first", "later")}
    print(f"  ratio first {ratios['first']:.2f}, later {ratios['later']:.2f}")
    write_json(json, {"ratio": ratios["later"], "ratios": ratios, "seconds": seconds})


if __name__ == "__main__":
    tyro.cli(main)
