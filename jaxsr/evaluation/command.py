"""What `jaxsr evaluate` does, apart from its flags."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tqdm import tqdm

from jaxsr.errors import InputError
from jaxsr.evaluation import protocol, report
from jaxsr.evaluation.sets import EvaluationSet
from jaxsr.upscaling.upscaler import INTERPOLATIONS, Upscaler, load


def load_models(
    names: Sequence[str],
    *,
    scale: int | None = None,
    strengths: Sequence[float | None] = (None,),
    base: str | None = None,
    self_ensemble: bool = False,
    color_lock: bool = False,
    back_project: int = 0,
) -> dict[str, Upscaler]:
    """Upscalers by the names that their rows get, each SRGAN once for each strength.

    Args:
      names: see `jaxsr.load`.
      scale: that all must have; interpolations take it on.
      strengths: see `jaxsr.load`.
      base: likewise.
      self_ensemble: likewise.
      color_lock: likewise.
      back_project: likewise.

    Raises:
      InputError: one cannot be loaded, or has another scale.
    """
    refinements = {"self_ensemble": self_ensemble, "color_lock": color_lock, "back_project": back_project, "base": base}
    if tuple(strengths) != (None,) and names and set(names) <= set(INTERPOLATIONS):
        raise InputError(f"--strength is for an SRGAN; --model names interpolations only ({', '.join(names)})")
    upscalers, given = [], []
    for name in names:
        plain = name in INTERPOLATIONS
        for value in [None] if plain else strengths:
            more = {"back_project": back_project} if plain else refinements | {"strength": value}
            upscalers.append(load(name, scale=scale if plain else None, **more))
            if scale not in (None, upscalers[-1].scale):
                raise InputError(f"--scale {scale}: {name} upscales by {upscalers[-1].scale}")
            given.append(name if value is None else f"{name} {value:g}")
    return protocol.distinct([(upscaler.name, upscaler) for upscaler in upscalers], given)


def score_all(
    sets: Mapping[str, EvaluationSet],
    models: Mapping[str, Upscaler],
    *,
    scale: int | None,
    lpips: Sequence[str] = tuple(protocol.PERCEPTUAL.values()),
) -> list[dict]:
    """Score every model on every set, and the results that sets bring along, and print a table for each set and scale.

    LPIPS is left out, with a line on stderr, where its weights are not installed.

    Args:
      sets: see `open_sets`.
      models: see `load_models`; sets with results do without.
      scale: of results that another program made (None: 4).
      lpips: backbones, "alex" and "vgg16".

    Returns:
      Those of `jaxsr.evaluation.protocol.evaluate`, with "model", "data", "card" and "protocol".
    """
    results, perceptual = [], {}
    try:
        perceptual = protocol.perceptual_metrics(f"lpips_{backbone}" for backbone in lpips)
    except InputError as error:
        print(f"LPIPS is left out: {error}", file=sys.stderr)
    for data, each in sets.items():
        rows = []
        for name, upscaler in {"given": None}.items() if each.results else models.items():
            photos = tqdm(
                protocol.read_set(each.paths), f"{name} on {data}", len(each.paths), unit="photo", disable=None
            )
            if upscaler is None:
                scores = protocol.score_results(each.results, photos, scale=scale or 4, perceptual=perceptual)
            else:
                scores = protocol.evaluate(upscaler, photos, scale=upscaler.scale, low=each.low, perceptual=perceptual)
            card = (upscaler and upscaler.card) or None
            rows.append({"model": name, "data": data, "card": card, "protocol": each.protocol, **scores})
        print(report.table_of_each_scale(rows))
        results += rows
    return results


def parse_strengths(text: str | None) -> list[float | None]:
    """The values of --strength, [None] where there are none.

    Raises:
      InputError: they are no numbers.
    """
    if text is None:
        return [None]
    try:
        return [float(value) for value in text.split(",")]
    except ValueError:
        raise InputError(f"--strength {text}: give numbers from 0 to 1 with commas between, as 0,0.5,1") from None


def curve_file(path: Path | None, strengths: Sequence[float | None]) -> Path | None:
    """Where the curve over the strengths goes, if anywhere.

    Raises:
      InputError: --curve is no PNG, or there is nothing to draw it over.
    """
    if path is None:
        return Path("strength.png") if len(strengths) > 1 else None
    if path.suffix.lower() != ".png":
        raise InputError(f"--curve {path}: give it a name in .png")
    if len(strengths) < 2:
        raise InputError("--curve is drawn over --strength: give several, as 0,0.25,0.5,0.75,1")
    return path
