"""The figures behind the page of results, as the evaluator, the benchmarks and the runs wrote them.

They lie in one folder, as JSON:

- `scores/*.json`: `scripts/evaluate.py --json`
- `budgets.json`: the same, for whole runs of different length on Set5
- `real.json`: `scripts/evaluate.py --lr`
- `speed.json`: `benchmarks/models.py`
- `twins.json`: `benchmarks/twins.py`
- `recipes_*.json`: `benchmarks/recipes.py`
- `runs/*.json`: `scripts/report.py add-run`
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxsr.errors import InputError
from jaxsr.evaluation.protocol import BICUBIC, PROTOCOL

SETS = ("Set5", "Set14", "Kodak24")

METRICS = {
    "psnr_y": ("PSNR-Y (dB)", ".2f"),
    "ssim_wang": ("SSIM Wang", ".4f"),
    "ssim_daala": ("SSIM daala", ".4f"),
    "lpips_alex": ("LPIPS-Alex", ".3f"),
    "lpips_vgg16": ("LPIPS-VGG16", ".3f"),
}

ROWS = (
    "nearest",
    "bilinear",
    "bicubic",
    "bicubic, back-project 10",
    "srcnn",
    "espcn",
    "srresnet",
    "srgan, strength 0.5",
    "srgan, strength 1",
)

REAL_SETS = {f"Kodak24, LR {kind}": kind for kind in ("web", "phone", "old")}

RECIPES = ("scratch", "continued", "srgan")

REAL_ROWS = ("bicubic", "srresnet", "srgan", "srresnet_real", "srgan_real", "realesrgan-x4plus")

# {(row, set): the metrics that the page shows}.
_SHOWN = {(row, data): tuple(METRICS) for row in ROWS for data in SETS} | {("srresnet_real", "Set5"): ("psnr_y",)}
_SHOWN_REAL = {(row, data): ("psnr_y", "lpips_alex") for row in REAL_ROWS for data in REAL_SETS}

# From Ledig et al. 2017, the table of methods on benchmark data, including SRCNN and ESPCN; its SSIM is daala's. LPIPS
# of an SRGAN is from Ma et al. 2020 (SPSR), table 1.
PUBLISHED = {
    ("nearest", "Set5"): {"psnr_y": 26.26, "ssim_daala": 0.7552},
    ("nearest", "Set14"): {"psnr_y": 24.64, "ssim_daala": 0.7100},
    ("bicubic", "Set5"): {"psnr_y": 28.43, "ssim_daala": 0.8211},
    ("bicubic", "Set14"): {"psnr_y": 25.99, "ssim_daala": 0.7486},
    ("srcnn", "Set5"): {"psnr_y": 30.07, "ssim_daala": 0.8627},
    ("srcnn", "Set14"): {"psnr_y": 27.18, "ssim_daala": 0.7861},
    ("espcn", "Set5"): {"psnr_y": 30.76, "ssim_daala": 0.8784},
    ("espcn", "Set14"): {"psnr_y": 27.66, "ssim_daala": 0.8004},
    ("srresnet", "Set5"): {"psnr_y": 32.05, "ssim_daala": 0.9019},
    ("srresnet", "Set14"): {"psnr_y": 28.49, "ssim_daala": 0.8184},
    ("srgan, strength 1", "Set5"): {"psnr_y": 29.40, "ssim_daala": 0.8472, "lpips_alex": 0.0882},
    ("srgan, strength 1", "Set14"): {"psnr_y": 26.02, "ssim_daala": 0.7397, "lpips_alex": 0.1663},
}


class Figures(NamedTuple):
    """All figures of the page.

    Attributes:
      scores: {(model, set): one of the evaluator's results}.
      speed: {"machine", "size", "networks": {model: {"parameters", "seconds_per_megapixel"}}}.
      twins: {"recipe": …, "jaxsr": losses, "PyTorch": losses}.
      budgets: {stage: [(crops that a whole run saw, PSNR-Y on Set5), …]}, the shortest run first.
      real: {(model, kind of real photos): one of the evaluator's results}.
      recipes: {group: {"base": flags of each run, "runs": {title: {"flags", "psnr_y", …}}, "data", "validation"}}.
      runs: {name: {"title", "command", "scores": [{"step", "psnr_y", …}]}}, and "reference" where there is one.
    """

    scores: Mapping[tuple[str, str], dict[str, Any]]
    speed: dict[str, Any]
    twins: dict[str, Any]
    budgets: Mapping[str, list[tuple[int, float]]]
    real: Mapping[tuple[str, str], dict[str, Any]]
    recipes: Mapping[str, dict[str, Any]]
    runs: Mapping[str, dict[str, Any]]


def read_figures(folder: Path) -> Figures:
    """Read the files named at the top of this module.

    Raises:
      InputError: a file is missing or broken, was scored by another protocol, or lacks a figure of the page.
    """
    scores = _scores(sorted((folder / "scores").glob("*.json")), _SHOWN, PROTOCOL)
    real = _scores([folder / "real.json"], _SHOWN_REAL, PROTOCOL.replace(BICUBIC, "LR as given"))
    runs = {path.stem: _read(path, "title", "command", "scores") for path in sorted((folder / "runs").glob("*.json"))}
    if not runs:
        raise InputError(f"{folder / 'runs'} has no run: add one by scripts/report.py add-run")
    speed = _read(folder / "speed.json", "machine", "size", "networks")
    twins = _read(folder / "twins.json", "recipe", "jaxsr", "PyTorch")
    recipes = {
        group: _read(folder / f"recipes_{group}.json", "base", "runs", "data", "validation") for group in RECIPES
    }
    return Figures(scores, speed, twins, _budgets(folder / "budgets.json"), real, recipes, runs)


def _budgets(path):
    budgets = {}
    for result in _results(path, PROTOCOL):
        if not result["card"]:
            raise InputError(f"{path}: {result['model']} was not trained; score the networks of runs only")
        crops = result["card"]["steps"] * result["card"]["recipe"]["batch_size"]
        point = (crops, result["mean"]["psnr_y"])
        budgets.setdefault(result["card"]["recipe"]["stage"], []).append(point)
    few = [stage for stage, points in budgets.items() if len({crops for crops, _ in points}) < 2]
    if few:
        raise InputError(f"{path} has runs of only one length of {', '.join(few)}: a slope needs two lengths")
    return {stage: sorted(points) for stage, points in budgets.items()}


def generations(card: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A card and the cards of its ancestors, the youngest first."""
    return [card, *generations(card["lineage"])] if card.get("lineage") else [card]


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """Format a table. The first line is its head; the first column is aligned left, the others right."""
    head, *rows = lines
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, rule, *rows))


def _scores(paths, shown, protocol):
    """{(row, set): result} of all files, with at least those metrics that are shown."""
    scores = {(result["model"], result["data"]): result for path in paths for result in _results(path, protocol)}
    missing = []
    for (row, data), metrics in shown.items():
        mean = scores[row, data]["mean"] if (row, data) in scores else {}
        lacking = [metric for metric in metrics if mean.get(metric) is None]
        missing += [f"{row} on {data} ({', '.join(lacking)})"] if lacking else []
    if missing:
        raise InputError(f"no scores of {'; '.join(missing)}: run scripts/evaluate.py as docs/results.md says")
    return scores


def _results(path, protocol):
    document = _read(path)
    results = document["results"] if isinstance(document, dict) and document.get("protocol") == protocol else None
    if results is None or any(result.get("protocol", protocol) != protocol for result in results):
        raise InputError(f"{path} was scored by another protocol: run scripts/evaluate.py as docs/results.md says")
    return results


def _read(path, *keys):
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None
    lacking = [key for key in keys if key not in document]
    if lacking:
        raise InputError(f"{path} lacks {', '.join(lacking)}: it is not a file for the page of results")
    return document
