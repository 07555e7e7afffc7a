"""Upscale pictures, folders of them, or clips: `jaxsr upscale photo.jpg -o photo_x4.png`."""

from pathlib import Path
from typing import Annotated, Literal

import tyro

import jaxsr
from jaxsr.commands.kernels import Kernels, use_kernels


def main(
    inputs: tyro.conf.Positional[tuple[str, ...]],
    output: Annotated[str, tyro.conf.arg(aliases=["-o"])],
    *,
    recursive: bool = False,
    skip_existing: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    format: Literal["png", "jpg", "webp", "gif", "tif"] | None = None,
    quality: int = 95,
    compression: Literal["fast", "balanced", "small"] = "balanced",
    keep_times: bool = False,
    salvage: bool = False,
    first_frame: bool = False,
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
    kernels: Kernels | None = None,
    codec: str | None = None,
    crf: float | None = None,
    preset: str | None = None,
    trim: str | None = None,
) -> int:
    """Upscale pictures, or clips, with a network.

    Several processes can work on one folder: none does what another is doing. A run that was interrupted or killed
    goes on where it was with --skip-existing, a clip with the same command. Exit code: 0, 1 if some failed, 2 if
    nothing could be done.

    Args:
      inputs: Pictures, or folders of which all pictures are taken; or clips.
      output: File to write (.png, .jpg, .webp, .tif, .bmp or .gif; for a clip .mp4, .mov, .mkv or .webm); for several
        a folder, which gets NAME_x4.png for each, or NAME_x4.mp4.
      recursive: Take the pictures in subfolders too, and give the output folder the same subfolders.
      skip_existing: Keep results that exist, do the rest; without this or --overwrite, existing results are refused.
      overwrite: Replace results that exist.
      dry_run: Only list what would be done, and with auto by which network.
      format: Of the results in a folder (None: png).
      quality: Of JPEG and WebP results, 1 to 100.
      compression: Of PNG results, whose pixels are the same: fast and up to 6 % larger, or small, some 5 % smaller, in
        five to ten times the time.
      keep_times: Give each result the times of access and change of its picture.
      salvage: Of JPEGs that are cut short, take what is there, and say how much that is.
      first_frame: Of animations and TIFFs of several pages, take the first picture alone. Otherwise animations are
        written as .gif, .webp or .png (APNG), pages as .tif.
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
      kernels: auto, convolutions on a CPU by what is fastest there; xla, all by XLA (None: JAXSR_KERNELS, or auto).
      codec: Of clips, FFmpeg's name of an encoder (None: libx264, libx265 above 8 bits, libsvtav1 in .webm).
      crf: Of clips, constant rate factor, lower is better (None: one with which no loss is seen).
      preset: Of clips, how thorough the encoder is, by its own names (None: its usual one).
      trim: Of clips, the part to upscale, as 10-20 in seconds or 1:05-1:20.5; 10- to the end, -20 from the start.
    """
    from jaxsr.imaging.picture import open_picture
    from jaxsr.upscaling import command
    from jaxsr.upscaling.automatic import AUTOMATIC
    from jaxsr.upscaling.compiled import keep_compiled
    from jaxsr.upscaling.plan import plan
    from jaxsr.upscaling.report import check_report
    from jaxsr.upscaling.size import parse_size
    from jaxsr.video.inputs import are_clips, check_flags, clip_command, plan_clips

    use_kernels(kernels)
    clips = are_clips(inputs)
    of_clips = {"codec": codec, "crf": crf, "preset": preset, "trim": trim}
    check_flags(clips, of_clips, {"format": format, "quality": None if quality == 95 else quality})
    video = clip_command() if clips else None
    if cache:
        keep_compiled()
    target = parse_size(size, scale=scale)
    existing = command.existing_results(skip=skip_existing, overwrite=overwrite)
    command.check_quality(quality)
    check_report(json)
    refinements = {"self_ensemble": self_ensemble, "color_lock": color_lock, "back_project": back_project}
    network = {"sharp": sharp, "dtype": dtype, "scale": scale, "strength": strength, "base": base, **refinements}
    upscaler = jaxsr.load(model, tile=tile, **network)
    label = size or f"x{upscaler.scale:g}"
    if video:
        jobs = plan_clips(inputs, output, label=label)
        if dry_run:
            return command.list_jobs(jobs, existing=existing)
        return video.run(upscaler, jobs, of_clips, target, network, existing=existing, report=json)
    suffix = format and f".{format}"
    jobs = plan(inputs, output, label=label, recursive=recursive, suffix=suffix)
    if dry_run:

        def choose(source):
            return upscaler.fitting(open_picture(source, salvage=salvage))[1]

        return command.list_jobs(jobs, existing=existing, choose=choose if model == AUTOMATIC else None)
    files = {"quality": quality, "compression": compression, "salvage": salvage}
    files |= {"keep_times": keep_times, "first_frame": first_frame}
    return command.run(upscaler, jobs, size=target, existing=existing, report=json, **files)
