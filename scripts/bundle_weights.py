"""Bundle weights under a name: `python scripts/bundle_weights.py runs/mine srresnet --licence "CC0"`."""

from pathlib import Path

import numpy as np
import tyro

from jaxsr.errors import reported
from jaxsr.weights.store import BUNDLED, Weights, load_weights, save_weights


def main(source: tyro.conf.Positional[str], name: tyro.conf.Positional[str], *, licence: str) -> Path:
    """Store weights in half precision where `jaxsr.load(NAME)` finds them.

    Args:
      source: Weights file, or folder of a training run (its best.safetensors, otherwise its last.safetensors).
      name: The bundled name. Existing weights of that name are replaced.
      licence: What the owners of the training photos allow, or where they say it.
    """
    weights = load_weights(source)
    card = weights.card | {"licence": licence, "stored_as": "float16"}
    path = BUNDLED / f"{name}.safetensors"
    save_weights(path, Weights(weights.model, weights.variables, card), storage=np.float16)
    print(path)
    return path


if __name__ == "__main__":
    with reported():
        tyro.cli(main)
