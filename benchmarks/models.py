"""Parameters, and seconds per megapixel of result, of each interpolation and bundled network, warm in one process.

    python benchmarks/models.py [--json docs/results/speed.json]

The picture is cut from a bundled photo.
"""

from functools import partial
from pathlib import Path

import jax
import numpy as np
import tyro
from comparison import CORES, in_turns, photo_crops, write_json

import jaxsr
from jaxsr.errors import reported
from jaxsr.upscaling.engine import INTERPOLATIONS
from jaxsr.weights import bundled_names, load_weights


def main(
    models: tuple[str, ...] = (*INTERPOLATIONS, *bundled_names()),
    size: int = 256,
    rounds: int = 5,
    json: Path | None = None,
) -> None:
    """Time them in turns.

    Args:
      models: Names or files, as in scripts/upscale.py.
      size: Side of the LR picture, in pixels.
      rounds: Timed runs of each.
      json: File for the figures (None: not written).
    """
    low = photo_crops(1, size, seed=0)[0]
    upscalers = {name: jaxsr.load(name) for name in models}
    programs = {name: partial(upscaler, low) for name, upscaler in upscalers.items()}
    networks = {}
    for name, seconds in in_turns(programs, rounds=rounds).items():
        leaves = [] if name in INTERPOLATIONS else jax.tree.leaves(load_weights(name).variables["params"])
        each = {"parameters": sum(leaf.size for leaf in leaves), "seconds": seconds}
        megapixels = 1e-6 * (upscalers[name].scale * size) ** 2
        networks[name] = each | {"seconds_per_megapixel": float(np.median(seconds)) / megapixels}
        print(f"{name:<13} {each['parameters']:>10,} {networks[name]['seconds_per_megapixel']:8.3f} s per megapixel")
    write_json(json, {"size": size, "networks": networks, "cores": CORES})


if __name__ == "__main__":
    with reported():
        tyro.cli(main)
