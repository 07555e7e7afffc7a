"""The card of a weights file: how its network was trained."""

import importlib.metadata
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxsr.config import TrainConfig
from jaxsr.evaluation.protocol import BICUBIC, PROTOCOL
from jaxsr.weights.lineage import lineage
from jaxsr.weights.store import Weights


def code_version() -> str:
    """Version of the package, with the commit if the package is tracked by git.

    For example "0.1.0+g1a2b3c4", or "0.1.0+g1a2b3c4.modified" if files of the package differ from that commit.
    """
    version = importlib.metadata.version("jaxsr")
    commit = _git("log", "-1", "--format=%h", "--", ".")
    if not commit:
        return version
    return f"{version}+g{commit}" + (".modified" if _git("status", "--porcelain", "--", ".") else "")


def _git(*arguments):
    command = ["git", "-C", str(Path(__file__).parent.parent), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def training_card(
    config: TrainConfig,
    *,
    photos: dict[str, Any],
    started_from: Weights | None,
    used: dict[str, Any],
    extended: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """The part of the card that is known before the first update, as JSON.

    Args:
      config: settings of the run.
      photos: {"count", "fingerprint"} of the training photos.
      started_from: the weights that `--init` named, whose lineage the card continues, or None.
      used: what the stage adds to the recipe: its losses, and the values measured for them.
      extended: earlier values of the recipe, see `workdir.extensions`.
    """
    recipe = ("batch_size", "crop", "degradation", "loss", "optimizer", "learning_rate", "schedule", "warmup", "ema")
    recipe += ("seed", "dtype", "sampling")
    settings = {name: getattr(config, name) for name in recipe}
    if config.lr:
        # Such a run makes no LR.
        settings |= {"degradation": None, "lr": [Path(name).name for name in config.lr]}
    card = {
        "training_data": [name if ":" in name else Path(name).name for name in config.data],
        "training_photos": photos,
        "recipe": {"stage": config.stage, "steps": config.steps} | settings | used,
        "seed": config.seed,
        "code_version": code_version(),
        "protocol": _protocol(config),
        "initialisation": config.initialisation if started_from is None else "weights",
    }
    if extended:
        card["extended"] = list(extended)
    if started_from is not None:
        card["lineage"] = lineage(started_from)
    return card


def _protocol(config):
    """The protocol of the run's validation, in the words of `open_sets`."""
    if config.validation_lr:
        return PROTOCOL.replace(BICUBIC, "LR as given")
    if config.degradation != "bicubic":
        return PROTOCOL.replace(BICUBIC, f"LR by the degradation {config.degradation}, seed 0")
    return PROTOCOL
