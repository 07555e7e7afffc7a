"""Upscale pictures, folders of pictures, or clips: `jaxsr upscale photo.jpg -o photo_x4.png`."""

import dataclasses
from typing import Annotated, Literal

import tyro

import jaxsr
from jaxsr.commands.flags import ClipFlags, FormatFlags, Kernels, NetworkFlags, RunFlags, use_kernels
from jaxsr.errors import InputError


@dataclasses.dataclass(frozen=True)
class PictureFlags(FormatFlags):
    """How pictures are read and how their results are written."""

    quality: int = 95
    """Quality of JPEG and WebP results, from 1 to 100."""
    compression: Literal["fast", "balanced", "small"] = "balanced"
    """Compression of PNG results; the pixels are the same. fast makes files up to 6 % larger.
    small makes them some 5 % smaller, in five to ten times the time."""
    keep_times: bool = False
    """Give each result the access and modification times of its picture."""
    salvage: bool = False
    """Upscale what is left of a truncated JPEG, and report how much that is."""


def main(
    inputs: tyro.conf.Positional[tuple[str, ...]],
    output: Annotated[str, tyro.conf.arg(aliases=["-o"])],
    *,
    kernels: Kernels = None,
    run: tyro.conf.OmitArgPrefixes[RunFlags],
    network: tyro.conf.OmitArgPrefixes[NetworkFlags],
    pictures: tyro.conf.OmitArgPrefixes[PictureFlags],
    clips: tyro.conf.OmitArgPrefixes[ClipFlags],
) -> int:
    """Upscale pictures, or clips, with a network.

    Several processes can share one folder; each picture is upscaled by one of them. To resume a run that was
    interrupted or killed, add --skip-existing; a single clip resumes without it too. The exit code is 0, 1 if some of
    several inputs failed, or 2 if the command could not start or its only input failed.

    Args:
      inputs: Pictures, folders of pictures, or clips.
      output: File to write: .png, .jpg, .webp, .tif, .bmp or .gif; for a clip .mp4, .mov, .mkv or .webm.
        For several inputs, a folder that gets NAME_x4.png or NAME_x4.mp4 for each.
      run: Which pictures are upscaled, and what the run leaves behind.
      network: The network, the size of its results, and how it computes.
      pictures: How pictures are read and how their results are written.
      clips: How the results of clips are encoded.
    """
    from jaxsr.imaging.picture import open_picture
    from jaxsr.upscaling.compiled import keep_compiled
    from jaxsr.upscaling.existing import list_jobs
    from jaxsr.upscaling.pictures import upscale_pictures
    from jaxsr.upscaling.plan import plan
    from jaxsr.upscaling.size import parse_size, size_label
    from jaxsr.upscaling.upscaler import Upscaler
    from jaxsr.video.inputs import are_clips, check_flags, import_clips, plan_clips

    use_kernels(kernels)
    clip_inputs = are_clips(inputs)
    usual = dataclasses.asdict(PictureFlags())
    given = {name: value for name, value in dataclasses.asdict(pictures).items() if value != usual[name]}
    check_flags(clip_inputs, dataclasses.asdict(clips), given | {"recursive": run.recursive})
    video = import_clips() if clip_inputs else None
    if run.cache:
        keep_compiled()
    size = parse_size(network.size, scale=network.scale)
    existing = run.existing()
    if not 1 <= pictures.quality <= 100:
        raise InputError(f"--quality {pictures.quality}: give a number from 1 to 100")
    upscaler = jaxsr.load(network.model, tile=network.tile, **network.options())
    label = f"x{upscaler.scale:g}" if network.size is None else size_label(network.size)
    if video:
        jobs = plan_clips(inputs, output, label=label)
        if run.dry_run:
            return list_jobs(jobs, existing=existing)
        wishes = video.wishes_of(dataclasses.asdict(clips), size, network.options())
        return video.upscale_clips(upscaler, jobs, wishes, existing=existing, report=run.json)
    options = dataclasses.asdict(pictures)
    format = options.pop("format")
    jobs = plan(inputs, output, label=label, recursive=run.recursive, suffix=format and f".{format}")
    if run.dry_run:

        def choose(source):
            picture = open_picture(source, salvage=pictures.salvage)
            return upscaler.fitting(picture, to=size(picture.size) if size else None)[1]

        named = isinstance(upscaler, Upscaler) and upscaler.choice is None
        return list_jobs(jobs, existing=existing, choose=None if named else choose)
    return upscale_pictures(upscaler, jobs, existing=existing, report=run.json, size=size, **options)
