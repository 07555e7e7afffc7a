"""The effect of each part of a recipe: short runs, each with one change.

    python benchmarks/recipes.py --group GROUP --data DIR… --validation DIR [--only TEXT] [--workdir runs/recipes]

The groups of runs are listed in `recipe_groups.py`:

- `scratch`: SRResNet's first updates
- `continued`: further updates of the bundled `srresnet`
- `srgan`: further updates of the bundled `srgan`

Each run is one of `scripts/train.py`, and goes on if it was stopped. All runs of a group see about as many pixels. Runs
that are already in the workdir are not repeated: remove it when a run changes.
"""

import math
import subprocess
import sys
from json import loads
from pathlib import Path
from typing import Literal

import tyro
from comparison import ROOT, write_json
from recipe_groups import GROUPS, Group, Run
from recipe_photos import write_reduced
from recipe_starts import write_start

from jaxsr.errors import InputError, reported
from jaxsr.weights.store import load_weights


def main(
    data: tuple[str, ...],
    validation: str,
    group: Literal["scratch", "continued", "srgan"] = "scratch",
    json: Path | None = None,
    only: str = "",
    workdir: Path = Path("runs/recipes"),
    devices: int | None = None,
) -> None:
    """Run the recipes of a group and write their scores.

    Args:
      data: Folders of training photos.
      validation: Folder of photos to score.
      group: scratch is SRResNet from scratch; continued and srgan go on from the bundled networks of these stages.
      json: File for the scores (None: that of the group in docs/results). Scores in it of runs that are not made now
        are kept if they have the same settings.
      only: Make the runs whose titles contain this text.
      workdir: Folder of the runs; each group has a subfolder.
      devices: CPU devices of each run, or fewer if they do not divide its batch (None: one per core).
    """
    chosen = GROUPS[group]
    if not any(only in title for title in chosen.runs):
        raise InputError(f"--only {only}: no run of {group} has that in its title ({'; '.join(chosen.runs)})")
    json = json or ROOT / f"docs/results/recipes_{group}.json"
    about = {"base": chosen.base, "data": [Path(name).name for name in data], "validation": Path(validation).name}
    document = {"base": chosen.base, "runs": _kept(json, chosen, about)} | about
    for title, run in chosen.runs.items():
        if only not in title:
            continue
        folder = workdir / group / "".join(letter if letter.isalnum() else "_" for letter in title)
        _train(folder, chosen, run, data=data, validation=validation, devices=devices)
        scored = _scores(folder, chosen)
        document["runs"][title] = _settings(run) | scored
        if "init" in chosen.base:
            document["before"] = _scores_before(folder, chosen)
        document["runs"] = {each: document["runs"][each] for each in chosen.runs if each in document["runs"]}
        write_json(json, document)
        print(f"{title}: " + ", ".join(f"{name} {value:.4f}" for name, value in scored.items()), flush=True)


def _train(folder: Path, group: Group, run: Run, *, data, validation, devices):
    """Train a run that is not finished, in one or two parts."""
    if (folder / "last.safetensors").exists():
        return
    flags = group.base | run.flags
    if run.start is not None:
        flags |= {"init": write_start(folder.with_name(f"{folder.name}_start.safetensors"), run.start)}
    if run.reduced:
        data = (*data, write_reduced(data, run.reduced, folder.parent / "reduced"))
    if run.first_half is not None:
        flags |= {"steps": flags["steps"] // 2}
        first = _first_half(folder)
        _train(first, group, Run(flags | run.first_half), data=data, validation=validation, devices=devices)
        flags |= {"init": first / "last.safetensors"}
    if devices is not None:
        flags |= {"devices": math.gcd(devices, flags["batch-size"])}
    flags |= {"validate-every": flags["steps"], "checkpoint-every": min(50, flags["steps"]), "workdir": folder}
    words = [str(word) for name, value in flags.items() for word in (f"--{name}", value)]
    words += ["--cache", "--data", *map(str, data), "--validation", validation]
    subprocess.run([sys.executable, ROOT / "scripts/train.py", *words], check=True)


def _first_half(folder):
    return folder.with_name(f"{folder.name}_first_half")


def _scores(folder, group):
    scores = load_weights(folder / "last.safetensors").card["validation"]
    return {name: scores[name] for name in group.scores}


def _scores_before(folder, group):
    """The scores of the network that a run started from, before the first update."""
    first = _first_half(folder)
    log = (first if first.is_dir() else folder) / "metrics.jsonl"
    rows = map(loads, log.read_text().splitlines())
    scores = next(row for row in rows if row["step"] == 0 and "psnr_y" in row)
    return {name: scores[name] for name in group.scores}


def _settings(run: Run):
    settings = {"flags": run.flags, "start": run.start is not None}
    if run.first_half is not None:
        settings |= {"first_half": run.first_half}
    return settings | ({"reduced": list(run.reduced)} if run.reduced else {})


def _kept(path, group, about):
    """The runs in an earlier file that had the settings of today."""
    if not path.is_file():
        return {}
    earlier = loads(path.read_text())
    if any(earlier.get(name) != value for name, value in about.items()):
        return {}
    runs = {title: earlier["runs"].get(title) for title in group.runs}
    settings = {title: _settings(run) for title, run in group.runs.items()}
    return {title: run for title, run in runs.items() if run and settings[title].items() <= run.items()}


if __name__ == "__main__":
    with reported():
        tyro.cli(main)
