"""Score models on test sets: `python scripts/evaluate.py --model bicubic srresnet --data Set5 Set14`."""

import sys
from pathlib import Path
from typing import Annotated

import tyro
from tqdm import tqdm

import jaxsr.errors


def main(
    *,
    model: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME_OR_FILE [NAME_OR_FILE ...]")],
    data: Annotated[tuple[str, ...], tyro.conf.arg(metavar="DIR [DIR ...]")],
    scale: int | None = None,
    strength: str | None = None,
    base: str | None = None,
    self_ensemble: bool = False,
    color_lock: bool = False,
    back_project: int = 0,
    curve: Path | None = None,
    json: Path | None = None,
    sheet: Path | None = None,
) -> None:
    """Score models on test sets, all by one protocol, which stands above each table.

    Args:
      model: Each of nearest, bilinear, bicubic, a bundled network, a weights file or the folder of a training run.
      data: Folders of HR photos; of a folder that has a subfolder HR, the photos in that. Subfolders are not searched.
      scale: Output pixels per input pixel (None: each network's own; 4 for interpolations).
      strength: One or more strengths of each SRGAN, as 0,0.25,0.5,0.75,1; see upscale.py (None: 1).
      base: The SRResNet that strength 0 is (None: found by what the SRGAN's card says).
      self_ensemble: Average over the 8 flips and turns of the LR picture.
      color_lock: Take the low frequencies of the result from the LR picture.
      back_project: Iterations of back-projection (0: none).
      curve: PNG file for LPIPS against PSNR-Y over the strengths (None: strength.png where there are several).
      json: File for all scores, those of each photo too (None: not written).
      sheet: PNG file for the most detailed crops of the photos side by side (None: not drawn).
    """
    from jaxsr.evaluation import protocol, report
    from jaxsr.evaluation.sheet import save_sheet
    from jaxsr.upscaling.report import check_report
    from jaxsr.upscaling.upscaler import INTERPOLATIONS

    if not (model and data):
        raise jaxsr.errors.InputError("give --model at least one model and --data at least one folder")
    if sheet and sheet.suffix.lower() != ".png":
        raise jaxsr.errors.InputError(f"--sheet {sheet}: give it a name in .png")
    check_report(json)
    sets = protocol.distinct([protocol.find_set(directory) for directory in data], data)
    strengths = _strengths(strength)
    curve = _curve_file(curve, strengths)
    if strength is not None and set(model) <= set(INTERPOLATIONS):
        raise jaxsr.errors.InputError(
            f"--strength is for an SRGAN; --model names interpolations only ({', '.join(model)})"
        )
    options = {"self_ensemble": self_ensemble, "color_lock": color_lock, "back_project": back_project, "base": base}
    upscalers, given = [], []
    for name in model:
        plain = name in INTERPOLATIONS
        for value in [None] if plain else strengths:
            more = {"back_project": back_project} if plain else options | {"strength": value}
            upscalers.append(jaxsr.load(name, scale=scale if plain else None, **more))
            if scale not in (None, upscalers[-1].scale):
                raise jaxsr.errors.InputError(f"--scale {scale}: {name} upscales by {upscalers[-1].scale}")
            given.append(name if value is None else f"{name} {value:g}")
    models = protocol.distinct([(upscaler.name, upscaler) for upscaler in upscalers], given)
    results, perceptual = [], {}
    try:
        perceptual = protocol.perceptual_metrics()
    except jaxsr.errors.InputError as error:
        print(f"LPIPS is left out: {error}", file=sys.stderr)
    for data_name, paths in sets.items():
        for name, upscaler in models.items():
            photos = tqdm(protocol.read_set(paths), f"{name} on {data_name}", len(paths), unit="photo", disable=None)
            scores = protocol.evaluate(upscaler, photos, scale=upscaler.scale, perceptual=perceptual)
            results.append({"model": name, "data": data_name, "card": upscaler.card or None, **scores})
        print(report.table(results[-len(models) :]), end="\n\n")
    if curve:
        report.draw_strengths(curve, [result for result in results if "strength" in (result["card"] or {})])
        print(f"curve: {curve}")
    if json:
        report.save_json(json, results)
    if sheet:
        save_sheet(sheet, sets, models)


def _strengths(text: str | None) -> list[float | None]:
    if text is None:
        return [None]
    try:
        return [float(value) for value in text.split(",")]
    except ValueError:
        raise jaxsr.errors.InputError(
            f"--strength {text}: give numbers from 0 to 1 with commas between, as 0,0.5,1"
        ) from None


def _curve_file(path: Path | None, strengths: list) -> Path | None:
    if path is None:
        return Path("strength.png") if len(strengths) > 1 else None
    if path.suffix.lower() != ".png":
        raise jaxsr.errors.InputError(f"--curve {path}: give it a name in .png")
    if len(strengths) < 2:
        raise jaxsr.errors.InputError("--curve is drawn over --strength: give several, as 0,0.25,0.5,0.75,1")
    return path


if __name__ == "__main__":
    with jaxsr.errors.reported():
        tyro.cli(main)
