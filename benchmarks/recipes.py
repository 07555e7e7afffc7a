"""The effect of each part of SRResNet's recipe: short runs, each with one change.

    python benchmarks/recipes.py --data DIR… --validation DIR --json docs/results/recipes.json [--workdir runs/recipes]

Each run is one of `scripts/train.py`, with the same number of updates and pixels. `RUNS` lists the changes. Runs that
are already in the workdir are not repeated: remove it when a run changes. A random start that breaks the path of R, G
and B through the network also breaks the cancelling of the twins (`jaxsr/models/initialisation.py`).
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import tyro
from comparison import ROOT, machine, write_json

from jaxsr.errors import reported
from jaxsr.imaging.resize import resize_matrix
from jaxsr.models import SRResNet
from jaxsr.models.initialisation import initialise
from jaxsr.weights.store import Weights, load_weights, save_weights

BASE = {
    "stage": "srresnet", "steps": 400, "batch-size": 4, "learning-rate": 1.5e-3, "schedule": "cosine", "warmup": 40,
    "crops-per-photo": 1,
}  # fmt: skip

Variables = dict


def _papers(*prefixes: str) -> Callable[[Variables, Variables], Variables]:
    """The upscaler's start, with the paper's weights in modules whose names begin with a prefix."""

    def changed(upscaler, paper):
        return {name: (paper if name.startswith(prefixes) else upscaler)[name] for name in upscaler}

    return changed


def _silent_twins(upscaler, _):
    last = upscaler["conv_last"]
    return upscaler | {"conv_last": last | {"kernel": last["kernel"].at[:, :, 3:].set(0.0)}}


def _loud_branches(upscaler, paper):
    """The upscaler's start, with the paper's batch norms of gain 1 in residual branches and at the body's end."""
    loud = {name: upscaler[name] | {"norm_2": paper[name]["norm_2"]} for name in upscaler if name.startswith("block")}
    return upscaler | loud | {"norm_body": paper["norm_body"]}


def _bicubic(upscaler, _):
    """The upscaler's start, with a last kernel that turns nearest-neighbour into nearly bicubic (least squares)."""
    impulse = resize_matrix(9, 4)[:, 4]
    nearest = np.zeros(36)
    nearest[16:20] = 1.0
    shifts = np.stack([np.roll(nearest, offset) for offset in range(-4, 5)], axis=1)
    taps = np.linalg.lstsq(shifts, impulse, rcond=None)[0]
    taps /= taps.sum()
    last = upscaler["conv_last"]
    # The factor 2 converts [0, 1] to [−1, 1]. The taps are reversed, because XLA's convolution is a correlation.
    smooth = 2 * np.einsum("h,w,io->hwio", taps[::-1], taps[::-1], np.eye(3))
    return upscaler | {"conv_last": last | {"kernel": last["kernel"].at[:, :, :3].set(smooth)}}


# Title: (changed flags, changed start).
RUNS: dict[str, tuple[dict, Callable | None]] = {
    "as it is": ({}, None),
    "as it is, seed 1": ({"seed": 1}, None),
    "as it is, seed 2": ({"seed": 2}, None),
    "start: the paper's random weights": ({"initialisation": "paper"}, None),
    "start: first convolution random": ({}, _papers("conv_first")),
    "start: residual branches not silent": ({}, _loud_branches),
    "start: sub-pixel convolutions random": ({}, _papers("upconv")),
    "start: last convolution random": ({}, _papers("conv_last")),
    "start: last convolution silent but for R, G, B": ({}, _silent_twins),
    "start: nearly bicubic": ({}, _bicubic),
    "learning rate 1e-4": ({"learning-rate": 1e-4}, None),
    "learning rate 5e-4": ({"learning-rate": 5e-4}, None),
    "learning rate 3e-3": ({"learning-rate": 3e-3}, None),
    "no warm-up": ({"warmup": 0}, None),
    "average of parameters (EMA .98)": ({"ema": 0.98}, None),
    "L1": ({"loss": "l1"}, None),
    "16 crops of 48 pixels": ({"crop": 48, "batch-size": 16}, None),
    "1 crop of 192 pixels": ({"crop": 192, "batch-size": 1}, None),
    "SOAP, 2e-3": ({"optimizer": "soap", "learning-rate": 2e-3}, None),
    "SOAP, 5e-4": ({"optimizer": "soap", "learning-rate": 5e-4}, None),
}


def main(
    data: tuple[str, ...], validation: str, json: Path, workdir: Path = Path("runs/recipes"), devices: int | None = None
) -> None:
    """Run all recipes and write their scores.

    Args:
      data: Folders of training photos.
      validation: Folder of photos to score.
      json: File for the scores.
      workdir: Folder of the runs.
      devices: CPU devices of each run (None: one per core).
    """
    runs = {}
    for title, (flags, start) in RUNS.items():
        folder = workdir / "".join(letter if letter.isalnum() else "_" for letter in title)
        runs[title] = _run(folder, flags, start, data=data, validation=validation, devices=devices)
        print(f"{title}: {runs[title]['psnr_y']:.2f} dB", flush=True)
        names = {"data": [Path(name).name for name in data], "validation": Path(validation).name}
        write_json(json, {"base": BASE, "runs": runs, "machine": machine()} | names)


def _run(folder, changes, start, *, data, validation, devices):
    done = folder / "last.safetensors"
    if not done.exists():
        flags = BASE | changes
        if start is not None:
            flags = flags | {"init": _written_start(folder.with_name(f"{folder.name}_start.safetensors"), start)}
        if devices is not None:
            flags = flags | {"devices": devices}
        flags = flags | {"validate-every": flags["steps"], "checkpoint-every": flags["steps"], "workdir": folder}
        words = [str(word) for name, value in flags.items() for word in (f"--{name}", value)]
        subprocess.run(
            [sys.executable, ROOT / "scripts/train.py", *words, "--cache", "--data", *data, "--validation", validation],
            check=True,
        )
    return {"flags": changes, "start": start is not None, "psnr_y": load_weights(done).card["validation"]["psnr_y"]}


def _written_start(path, start):
    key, model = jax.random.key(0), SRResNet()
    upscaler, paper = (initialise(key, model, initialisation=kind) for kind in ("upscaler", "paper"))
    changed = upscaler | {"params": start(upscaler["params"], paper["params"])}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_weights(path, Weights(model, changed, {}))
    return path


if __name__ == "__main__":
    with reported():
        tyro.cli(main)
