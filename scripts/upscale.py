"""Upscale pictures: `python scripts/upscale.py photo.jpg -o photo_x4.png`, or whole folders with `--recursive`."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import tyro

import jaxsr
from jaxsr import errors


def main(
    inputs: tyro.conf.Positional[tuple[str, ...]],
    output: Annotated[str, tyro.conf.arg(aliases=["-o"])],
    *,
    recursive: bool = False,
    skip_existing: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    format: Literal["png", "jpg", "webp", "tif"] | None = None,
    quality: int = 95,
    compression: Literal["fast", "balanced", "small"] = "balanced",
    json: Path | None = None,
    model: str = "auto",
    sharp: bool = False,
    strength: float | None = None,
    base: str | None = None,
    self_ensemble: bool = False,
    color_lock: bool = False,
    back_project: int = 0,
    scale: float | None = None,
    size: str | None = None,
    tile: int | None = None,
    dtype: Literal["float32", "bfloat16"] = "float32",
    cache: bool = True,
) -> int:
    """Upscale pictures with a network.

    Several processes can work on one folder: none does what another is doing. A run that was interrupted or killed
    goes on where it was with --skip-existing. Exit code: 0, 1 if some pictures failed, 2 if nothing could be done.

    Args:
      inputs: Pictures, or folders of which all pictures are taken.
      output: File to write (.png, .jpg, .webp, .tif, .bmp or .gif); for several pictures a folder, which gets
        NAME_x4.png for each.
      recursive: Take the pictures in subfolders too, and give the output folder the same subfolders.
      skip_existing: Keep results that exist, do the rest; without this or --overwrite, existing results are refused.
      overwrite: Replace results that exist.
      dry_run: Only list what would be done.
      format: Of the results in a folder (None: png).
      quality: Of JPEG and WebP results, 1 to 100.
      compression: Of PNG results, whose pixels are the same: fast and up to 6 % larger, or small, some 5 % smaller, in
        five to ten times the time.
      json: File for a report of every picture (None: not written).
      model: auto, the bundled network that fits each picture, for clean ones or for noise and JPEG's artefacts; a
        bundled network, weights file (.safetensors, or another program's .pth or .param) or folder of a training run;
        or nearest, bilinear, bicubic.
      sharp: With auto, an SRGAN: sharper, and it invents what it cannot know.
      strength: Of an SRGAN: 0 for the SRResNet it was trained from (faithful) to 1 for all of it (sharp). None: 1.
      base: That SRResNet: bundled name, weights file or run. None: found by what the SRGAN's card says.
      self_ensemble: Average over the 8 flips and turns of the picture; eight times the work.
      color_lock: Take the low frequencies of the result from the input, against colour shifts.
      back_project: Iterations that pull the result towards one whose bicubic reduction is the input (0: none).
      scale: Output pixels per input pixel (None: the network's own, 4), by bicubic from the network's result.
      size: WIDTHxHEIGHT in pixels of the result in place of a scale, as 3840x2160; 3840x or x2160 keep the aspect.
      tile: Side in input pixels of the tiles that pictures are divided into (None: what the free memory allows, 512 at
        most).
      dtype: Type of number that the network computes with.
      cache: Keep compiled programs in your cache folder, for a quicker start the next time.
    """
    from jaxsr.upscaling import command
    from jaxsr.upscaling.compiled import keep_compiled
    from jaxsr.upscaling.plan import plan
    from jaxsr.upscaling.report import check_report
    from jaxsr.upscaling.size import parse_size

    if cache:
        keep_compiled()
    target = parse_size(size, scale=scale)
    existing = command.existing_results(skip=skip_existing, overwrite=overwrite)
    command.check_quality(quality)
    check_report(json)
    refinements = {"self_ensemble": self_ensemble, "color_lock": color_lock, "back_project": back_project}
    upscaler = jaxsr.load(
        model, sharp=sharp, dtype=dtype, tile=tile, scale=scale, strength=strength, base=base, **refinements
    )
    suffix = format and f".{format}"
    jobs = plan(inputs, output, label=size or f"x{upscaler.scale:g}", recursive=recursive, suffix=suffix)
    if dry_run:
        return command.list_jobs(jobs, existing=existing)
    return command.run(
        upscaler, jobs, size=target, existing=existing, report=json, quality=quality, compression=compression
    )


if __name__ == "__main__":
    with errors.reported():
        # Names of files need not be valid text; they are printed as the bytes they are.
        sys.stdout.reconfigure(errors="surrogateescape")
        sys.exit(tyro.cli(main))
