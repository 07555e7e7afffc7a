"""Upscale an archive on a Ray cluster: `jaxsr archive SOURCE DESTINATION`, paths or URIs."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

import jaxsr
from jaxsr.commands.flags import ClipFlags, NetworkFlags, PictureFormat
from jaxsr.errors import InputError, needing


@dataclass(frozen=True)
class ClusterFlags:
    """The Ray cluster, and the copies of the network on it."""

    address: str | None = None
    """Address of Ray: HOST:PORT, auto for the cluster that runs on this machine, or local to start one.
    None: RAY_ADDRESS, otherwise local."""
    workers: int | None = None
    """Largest number of copies of the network. None: as many as the cluster has room for."""
    cores: int | None = None
    """CPU cores for each copy. None: one GPU each if there are GPUs, otherwise up to 4 cores."""


def main(
    source: tyro.conf.Positional[str],
    destination: tyro.conf.Positional[str],
    *,
    recursive: bool = False,
    skip_existing: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    format: PictureFormat = "png",
    first_frame: bool = False,
    json: Path | None = None,
    cache: bool = True,
    cluster: tyro.conf.OmitArgPrefixes[ClusterFlags],
    network: tyro.conf.OmitArgPrefixes[NetworkFlags],
    clips: tyro.conf.OmitArgPrefixes[ClipFlags],
) -> int:
    """Upscale the pictures of a folder, or a clip, on a Ray cluster.

    The results and the exit code are those of `jaxsr upscale`. Each machine needs this package. SOURCE and DESTINATION
    must mean the same place on each machine.

    Args:
      source: Folder of pictures: a path, or a URI that pyarrow or fsspec can open, such as s3://bucket/photos.
        Or a clip, by a path that all machines share.
      destination: Folder for the results, a path or a URI; it gets NAME_x4.png for each picture.
        For a clip, the file to write.
      recursive: Include the pictures in subfolders, and give the destination the same subfolders.
      skip_existing: Keep results that exist and make the others.
        Without this flag or --overwrite, the command refuses to start if a result exists.
      overwrite: Replace results that exist.
      dry_run: Only list what would be done.
      format: File format of the results of pictures.
      first_frame: Upscale only the first picture of an animation or of a TIFF with several pages.
        Otherwise all are upscaled. Animations are written as .gif, .webp or .png (APNG), pages as .tif.
      json: File for a report on every picture. None: no report.
      cache: Keep compiled programs in your cache folder, so that the next run starts faster (not on x86 processors
        under Linux, where compiling is quick).
      cluster: The Ray cluster, and the copies of the network on it.
      network: The network, the size of its results, and how it computes.
      clips: How the results of clips are encoded.
    """
    with needing("an archive needs {}", dict.fromkeys(("ray", "pyarrow", "fsspec", "pandas"), "ray")):
        from jaxsr.archive.pictures import upscale_archive
        from jaxsr.archive.plan import plan_archive
        from jaxsr.archive.replica import Settings, absolute_model
        from jaxsr.archive.store import open_store
    import jax

    from jaxsr.upscaling.existing import existing_results
    from jaxsr.upscaling.report import check_report
    from jaxsr.upscaling.size import parse_size
    from jaxsr.video.inputs import are_clips, check_flags, import_clips, plan_clips

    if "" in (source, destination):
        raise InputError("SOURCE or DESTINATION is empty; give a name, or . for this folder")
    size = parse_size(network.size, scale=network.scale)
    existing = existing_results(skip=skip_existing, overwrite=overwrite)
    check_report(json)
    for flag, value in (("--workers", cluster.workers), ("--cores", cluster.cores)):
        if value is not None and value < 1:
            raise InputError(f"{flag} {value}: must be at least 1")
    # The replicas want the GPUs.
    jax.config.update("jax_platforms", "cpu")
    network = dataclasses.replace(network, base=network.base and absolute_model(network.base))
    model = absolute_model(network.model)
    options: dict[str, Any] = network.options() | {"tile": network.tile}
    flags = dataclasses.asdict(clips)
    clip = are_clips([source])
    check_flags(clip, flags, {"json": json, "recursive": recursive, "first_frame": first_frame})
    if clip:
        wishes = import_clips().wishes_of(flags, size, network.options())
        from jaxsr.archive.clips import upscale_clip_on_cluster

        (job,) = plan_clips([source], destination, label=network.size or "x4")
        return upscale_clip_on_cluster(
            job,
            model,
            options,
            wishes,
            existing=existing,
            dry_run=dry_run,
            cache=cache,
            **dataclasses.asdict(cluster),
        )
    label = network.size or f"x{jaxsr.load(model, **options).scale:g}"
    stores = open_store(source), open_store(destination)
    tasks = plan_archive(*stores, label=label, recursive=recursive, suffix=f".{format}")
    places = (store.everywhere for store in stores)
    return upscale_archive(
        Settings(*places, model, options, network.size, overwrite, cache, first_frame),
        tasks,
        stores[1],
        existing=existing,
        dry_run=dry_run,
        report=json,
        **dataclasses.asdict(cluster),
    )
