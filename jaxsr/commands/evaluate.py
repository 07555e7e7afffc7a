"""Score models on test sets: `jaxsr evaluate --model bicubic srresnet --data Set5 Set14`."""

from pathlib import Path
from typing import Annotated, Literal

import tyro

from jaxsr.commands.flags import Kernels, use_kernels
from jaxsr.config import Degradation
from jaxsr.errors import InputError

Names = Annotated[tuple[str, ...], tyro.conf.arg(metavar="DIR [DIR ...]")]


def main(
    *,
    model: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME_OR_FILE [NAME_OR_FILE ...]")] = (),
    data: Names = (),
    lr: Names = (),
    sr: Names = (),
    degrade: Degradation | None = None,
    seed: int = 0,
    lpips: Annotated[tuple[Literal["alex", "vgg16"], ...], tyro.conf.arg(metavar="BACKBONE")] = ("alex", "vgg16"),
    scale: int | None = None,
    strength: str | None = None,
    base: str | None = None,
    self_ensemble: bool = False,
    color_lock: bool = False,
    back_project: int = 0,
    curve: Path | None = None,
    json: Path | None = None,
    sheet: Path | None = None,
    kernels: Kernels = None,
) -> None:
    """Score models on test sets by one protocol, which is printed above each table.

    Without --data, pictures that have no original are scored by NIQE: those in --sr as they are, or those in --lr after
    each --model has upscaled them.

    Args:
      model: nearest, bilinear, bicubic, bundled networks, weights files, or folders of training runs.
      data: Folders of HR photos. If a folder has a subfolder HR, its photos are used. Subfolders are not searched.
        None given: the pictures have no original.
      lr: Folders of LR files to use instead of reduced photos, paired by name (NAME, NAMEx4, NAME_LR ...).
        One for each folder of --data, or several for a single one.
      sr: Folders of results of any other program, paired in the same way, to score instead of models.
      degrade: Make LR as training with this --degradation does: bicubic, real or wang2021. None: bicubic.
      seed: Seed of --degrade.
      lpips: Backbones of LPIPS. vgg16 takes five times as long as alex.
      scale: Output pixels per input pixel. None: each network's own; 4 for interpolations and --sr.
      strength: One or more strengths of each SRGAN, such as 0,0.25,0.5,0.75,1; see `jaxsr upscale`. None: 1.
      base: The SRResNet of strength 0. None: the one that the SRGAN's card names.
      self_ensemble: Average the results for the 8 flips and turns of the LR picture.
      color_lock: Take the low frequencies of the result from the LR picture.
      back_project: Iterations of back-projection. 0: none.
      curve: PNG file for a curve of LPIPS against PSNR-Y over the strengths.
        None: strength.png if there are several strengths and LPIPS on alex is measured.
      json: File for all scores, including those of each photo. None: no file.
      sheet: PNG file that shows the most detailed crops of the photos side by side. None: no file.
    """
    from jaxsr.evaluation import no_reference, report, scoring
    from jaxsr.evaluation.sets import open_sets
    from jaxsr.evaluation.sheet import save_sheet
    from jaxsr.upscaling.report import check_report

    use_kernels(kernels)
    if bool(model) == bool(sr) or not (data or (lr if model else sr)):
        raise InputError(
            "give --data with at least one folder, and either --model or --sr; for pictures without an original, give "
            "--sr alone, or --lr and --model"
        )
    if not data and (degrade or curve or sheet or (lr and sr)):
        raise InputError("--degrade, --curve, --sheet, and --lr together with --sr need photos: name them with --data")
    if sr and (strength or base or self_ensemble or color_lock or back_project or curve):
        raise InputError(
            "--strength, --base, --self-ensemble, --color-lock, --back-project and --curve are for --model; the "
            "pictures of --sr are scored as they are"
        )
    if sheet and (sr or sheet.suffix.lower() != ".png"):
        raise InputError(f"--sheet {sheet}: give a file name that ends in .png, and give --model")
    if scale is not None and scale < 1:
        raise InputError(f"--scale {scale}: must be 1 or more")
    if not -(2**31) <= seed < 2**32:
        raise InputError(f"--seed {seed}: must fit into 32 bits, so from {-(2**31)} to {2**32 - 1}")
    check_report(json)
    sets = open_sets(data, low=lr, results=sr, degradation=degrade, seed=seed) if data else {}
    strengths = scoring.parse_strengths(strength)
    if curve and "alex" not in lpips:
        raise InputError(f"--curve {curve} shows LPIPS on AlexNet: add alex to --lpips")
    drawn = scoring.curve_file(curve, strengths) if data and "alex" in lpips else None
    refinements = {"self_ensemble": self_ensemble, "color_lock": color_lock, "back_project": back_project}
    models = scoring.load_models(model, scale=scale, strengths=strengths, base=base, **refinements)
    if data:
        results = scoring.score_all(sets, models, scale=scale, lpips=lpips)
    else:
        results = no_reference.score_all(lr or sr, models)
    if json:
        report.save_json(json, results)
    if sheet:
        save_sheet(sheet, sets, models)
    # Without LPIPS, only a curve that was asked for is missed.
    if drawn and (curve or "lpips_alex" in results[0]["mean"]):
        report.draw_strengths(drawn, [result for result in results if "strength" in (result["card"] or {})])
        print(f"curve: {drawn}")
