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
    json: Path | None = None,
    sheet: Path | None = None,
) -> None:
    """Score models on test sets, all by one protocol, which stands above each table.

    Args:
      model: Each of nearest, bilinear, bicubic, a bundled network, a weights file or the folder of a training run.
      data: Folders of HR photos; of a folder that has a subfolder HR, the photos in that. Subfolders are not searched.
      scale: Output pixels per input pixel (None: each network's own; 4 for interpolations).
      json: File for all scores, those of each photo too (None: not written).
      sheet: PNG file for the most detailed crops of the photos side by side (None: not drawn).
    """
    from jaxsr.evaluation import protocol, report
    from jaxsr.evaluation.sheet import save_sheet

    if not (model and data):
        raise jaxsr.errors.InputError("give --model at least one model and --data at least one folder")
    if sheet and sheet.suffix.lower() != ".png":
        raise jaxsr.errors.InputError(f"--sheet {sheet}: give it a name in .png")
    sets = protocol.distinct([protocol.find_set(directory) for directory in data], data)
    upscalers = (jaxsr.load(name, scale=scale) for name in model)
    models = protocol.distinct([(upscaler.name, upscaler) for upscaler in upscalers], model)
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
    if json:
        report.save_json(json, results)
    if sheet:
        save_sheet(sheet, sets, models)


if __name__ == "__main__":
    with jaxsr.errors.reported():
        tyro.cli(main)
