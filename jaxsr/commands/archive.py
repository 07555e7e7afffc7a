"""Upscale an archive on a Ray cluster: `jaxsr archive SOURCE DESTINATION`, paths or URIs."""

from pathlib import Path
from typing import Literal

import tyro

import jaxsr
from jaxsr.errors import InputError


def main(
    source: tyro.conf.Positional[str],
    destination: tyro.conf.Positional[str],
    *,
    recursive: bool = False,
    skip_existing: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    format: Literal["png", "jpg", "webp", "gif", "tif"] = "png",
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
    address: str | None = None,
    workers: int | None = None,
    cores: int | None = None,
    codec: str | None = None,
    crf: float | None = None,
    preset: str | None = None,
    trim: str | None = None,
) -> int:
    """Upscale the pictures of a folder, or a clip, on a Ray cluster.

    The results and the exit code are those of `jaxsr upscale`. Each machine needs this package and sees SOURCE and
    DESTINATION by these names.

    Args:
      source: Folder of pictures: a path, or a URI for pyarrow or fsspec, such as s3://bucket/photos; or a clip, by a
        path that all machines share.
      destination: Folder of the results, likewise; gets NAME_x4.png for each picture. Of a clip the file to write.
      recursive: Take the pictures in subfolders too, and give the destination the same subfolders.
      skip_existing: Keep results that exist, do the rest; without this or --overwrite, existing results are refused.
      overwrite: Replace results that exist.
      dry_run: Only list what would be done.
      format: Of the results.
      first_frame: Of animations and TIFFs of several pages, take the first picture alone. Otherwise animations are
        written as .gif, .webp or .png (APNG), pages as .tif.
      json: File for a report of every picture (None: not written).
      model: auto, the bundled network that fits each picture, for clean ones or for noise and JPEG's artefacts; a
        bundled network, weights file (.safetensors) or folder of a training run; or nearest, bilinear, bicubic.
      sharp: With auto, an SRGAN: sharper, and it invents what it cannot know.
      strength: Of an SRGAN: 0 for the SRResNet it was trained from (faithful) to 1 for all of it (sharp). None: 1.
      base: That SRResNet: bundled name, weights file or run. None: found by what the SRGAN's card says.
      self_ensemble: Average over the 8 flips and turns of the picture; eight times the work.
      color_lock: Take the low frequencies of the result from the input, against colour shifts.
      back_project: Iterations that pull the result towards one whose bicubic reduction is the input (0: none).
      scale: Output pixels per input pixel (None: the network's own, 4), by bicubic from the network's result.
      size: WIDTHxHEIGHT in pixels of the result in place of a scale, as 3840x2160; 3840x or x2160 keep the aspect.
      tile: Side in input pixels of the tiles of a picture (None: what a machine's free memory allows, 512 at most).
      dtype: Type of number that the network computes with.
      cache: Keep compiled programs in your cache folder, for a quicker start the next time.
      address: Of Ray, host:port; auto for one that runs here, local to start it (None: RAY_ADDRESS, local).
      workers: Copies of the network at most (None: as many as the cluster has room for).
      cores: CPU cores for each copy (None: a GPU each where there are any, or else up to 4 cores).
      codec: Of a clip, see `jaxsr upscale`.
      crf: Likewise.
      preset: Likewise.
      trim: Likewise.
    """
    try:
        from jaxsr.archive.command import run
        from jaxsr.archive.plan import plan_archive
        from jaxsr.archive.replica import Work, absolute_model
        from jaxsr.archive.store import open_store
    except ModuleNotFoundError as error:
        if error.name.partition(".")[0] not in ("ray", "pyarrow", "fsspec", "pandas"):
            raise
        raise InputError(f'an archive needs {error.name}: pip install "jaxsr[ray]"') from error
    import jax

    from jaxsr.upscaling.command import existing_results
    from jaxsr.upscaling.report import check_report
    from jaxsr.upscaling.size import parse_size
    from jaxsr.video.inputs import are_clips, check_flags, clip_command, plan_clips

    target = parse_size(size, scale=scale)
    results = existing_results(skip=skip_existing, overwrite=overwrite)
    check_report(json)
    # The replicas want the GPUs.
    jax.config.update("jax_platforms", "cpu")
    model, base = absolute_model(model), absolute_model(base)
    options = {"sharp": sharp, "dtype": dtype, "tile": tile, "scale": scale, "strength": strength, "base": base}
    options |= {"self_ensemble": self_ensemble, "color_lock": color_lock, "back_project": back_project}
    where = {"address": address, "workers": workers, "cores": cores}
    flags = {"codec": codec, "crf": crf, "preset": preset, "trim": trim}
    clip = are_clips([source])
    check_flags(clip, flags, {"json": json})
    if clip:
        video = clip_command()
        from jaxsr.archive.clips import run as run_clip

        wishes = video.wishes_of(flags, target, {name: options[name] for name in options if name != "tile"})
        (job,) = plan_clips([source], destination, label=size or "x4")
        return run_clip(job, model, options, wishes, existing=results, dry_run=dry_run, cache=cache, **where)
    label = size or f"x{jaxsr.load(model, **options).scale:g}"
    stores = open_store(source), open_store(destination)
    tasks = plan_archive(*stores, label=label, recursive=recursive, suffix=f".{format}")
    work = Work(*(store.everywhere for store in stores), model, options, size, overwrite, cache, first_frame)
    return run(work, tasks, stores[1], results=results, dry_run=dry_run, report=json, **where)
