"""Loads the networks that are named, and scores each on all sets."""

import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from jaxsr.errors import InputError
from jaxsr.evaluation import protocol, report
from jaxsr.evaluation.photos import distinct, read_set
from jaxsr.evaluation.sets import EvaluationSet
from jaxsr.models.lpips import Backbone
from jaxsr.upscaling.choice import OF_SCALE
from jaxsr.upscaling.engine import INTERPOLATIONS
from jaxsr.upscaling.loading import load_named
from jaxsr.upscaling.upscaler import Upscaler
from jaxsr.weights.store import bundled_names


def load_models(
    names: Sequence[str],
    *,
    scale: int | None = None,
    strengths: Sequence[float | None] = (None,),
    back_project: int = 0,
    **network_options: Any,
) -> dict[str, Upscaler]:
    """Load upscalers, by the names of their rows in the table. Each SRGAN is loaded once for each strength.

    Args:
      names: see `jaxsr.load`.
      scale: the scale that all must have; interpolations upscale by it. None takes each network's own.
      strengths: one or more values of `strength`, see `jaxsr.load`.
      back_project: see `jaxsr.load`.
      **network_options: other options of `jaxsr.load`, for networks only.

    Raises:
      InputError: an upscaler cannot be loaded, or has another scale.
    """
    if tuple(strengths) != (None,) and names and set(names) <= set(INTERPOLATIONS):
        raise InputError(f"--strength is for an SRGAN; --model names interpolations only ({', '.join(names)})")
    upscalers, given = [], []
    for name in names:
        plain = name in INTERPOLATIONS
        options: dict[str, Any] = {"scale": scale} if plain else network_options
        for value in [None] if plain else strengths:
            upscalers.append(load_named(name, strength=value, back_project=back_project, **options))
            if scale not in (None, upscalers[-1].scale):
                fitting = OF_SCALE.get(name, {}).get(scale)
                way_out = f"name {fitting}" if fitting in bundled_names() else "name a network of that scale"
                raise InputError(
                    f"--scale {scale}: {name} upscales by {upscalers[-1].scale:g}; {way_out}, or leave --scale out"
                )
            given.append(name if value is None else f"{name}, strength {value:g}")
    return distinct([(upscaler.name, upscaler) for upscaler in upscalers], given)


def score_all(
    sets: Mapping[str, EvaluationSet],
    models: Mapping[str, Upscaler],
    *,
    scale: int | None,
    lpips: Collection[Backbone] = tuple(protocol.LPIPS_METRICS.values()),
) -> list[dict[str, Any]]:
    """Score every model on every set, and print a table for each set and scale.

    For sets with results of another program, those are scored instead of the models. If the weights of LPIPS are not
    installed, LPIPS is left out, with a line on stderr.

    Args:
      sets: see `open_sets`.
      models: see `load_models`; unused for sets with results.
      scale: scale of the results of another program; None means 4.
      lpips: backbones, "alex" and "vgg16".

    Returns:
      The results of `jaxsr.evaluation.protocol.evaluate`, with "model", "data", "card" and "protocol" added.
    """
    results, distances = [], {}
    try:
        distances = protocol.lpips_metrics(lpips)
    except InputError as error:
        print(f"LPIPS is left out: {error}", file=sys.stderr)
    for data, each in sets.items():
        rows = []
        for name, upscaler in {"given": None}.items() if each.results else models.items():
            photos = tqdm(read_set(each.paths), f"{name} on {data}", len(each.paths), unit="photo", disable=None)
            scores = _scores(each, upscaler, photos, scale=scale, distances=distances)
            card = (upscaler and upscaler.card) or None
            rows.append({"model": name, "data": data, "card": card, "protocol": each.protocol, **scores})
        print(report.table_of_each_scale(rows))
        results += rows
    return results


def _scores(each, upscaler, photos, *, scale, distances):
    if each.results:
        return protocol.score_results(each.results, photos, scale=scale or 4, distances=distances)
    return protocol.evaluate(upscaler, photos, scale=upscaler.scale, low=each.low, distances=distances)


def parse_strengths(text: str | None) -> list[float | None]:
    """Parse the values of --strength; [None] if there are none.

    Raises:
      InputError: a value is not a number.
    """
    if text is None:
        return [None]
    try:
        return [float(value) for value in text.split(",")]
    except ValueError:
        raise InputError(f"--strength {text}: give numbers from 0 to 1, separated by commas, as 0,0.5,1") from None


def curve_file(path: Path | None, strengths: Sequence[float | None]) -> Path | None:
    """The file for the curve over the strengths; None if no curve is drawn.

    Raises:
      InputError: --curve is not a PNG, or there are fewer than two strengths.
    """
    if path is None:
        return Path("strength.png") if len(strengths) > 1 else None
    if path.suffix.lower() != ".png":
        raise InputError(f"--curve {path}: give it a name that ends in .png")
    if len(strengths) < 2:
        raise InputError("--curve needs several values of --strength, as 0,0.25,0.5,0.75,1")
    return path
