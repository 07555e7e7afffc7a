"""Upscale an archive on a Ray cluster: `jaxsr archive SOURCE DESTINATION`, paths or URIs."""

import dataclasses
import signal
from dataclasses import dataclass
from typing import Any

import tyro

import jaxsr
from jaxsr.commands.flags import ClipFlags, FormatFlags, NetworkFlags, RunFlags
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
    run: tyro.conf.OmitArgPrefixes[RunFlags],
    cluster: tyro.conf.OmitArgPrefixes[ClusterFlags],
    network: tyro.conf.OmitArgPrefixes[NetworkFlags],
    pictures: tyro.conf.OmitArgPrefixes[FormatFlags],
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
      run: Which pictures are upscaled, and what the run leaves behind.
      cluster: The Ray cluster, and the copies of the network on it.
      network: The network, the size of its results, and how it computes.
      pictures: The format of pictures' results, and what of a file is upscaled.
      clips: How the results of clips are encoded.
    """
    with needing("an archive needs {}", dict.fromkeys(("ray", "pyarrow", "fsspec", "pandas"), "ray")):
        from jaxsr.archive.pictures import upscale_archive
        from jaxsr.archive.plan import plan_archive
        from jaxsr.archive.replica import Settings, absolute_model
        from jaxsr.archive.store import open_store
    import jax

    from jaxsr.upscaling.existing import list_jobs
    from jaxsr.upscaling.plan import require_names
    from jaxsr.upscaling.size import parse_size, size_label
    from jaxsr.video.inputs import are_clips, check_flags, import_clips, plan_clips

    # SIGTERM ends the run as Ctrl-C does, so that nothing is left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    require_names([source], destination)
    size = parse_size(network.size, scale=network.scale)
    existing = run.existing()
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
    check_flags(clip, flags, dataclasses.asdict(pictures) | {"json": run.json, "recursive": run.recursive})
    label = size_label(network.size) if network.size else f"x{jaxsr.load(model, **options).scale:g}"
    if clip:
        wishes = import_clips().wishes_of(flags, size, network.options())
        from jaxsr.archive.clips import upscale_clip_on_cluster

        jobs = plan_clips([source], destination, label=label)
        if run.dry_run:
            return list_jobs(jobs, existing=existing)
        where = dataclasses.asdict(cluster)
        return upscale_clip_on_cluster(jobs[0], model, options, wishes, existing=existing, cache=run.cache, **where)
    stores = open_store(source), open_store(destination)
    tasks = plan_archive(*stores, label=label, recursive=run.recursive, suffix=f".{pictures.format or 'png'}")
    settings = Settings(
        source=stores[0].everywhere,
        destination=stores[1].everywhere,
        model=model,
        options=options,
        size=network.size,
        existing=existing,
        cache=run.cache,
        first_frame=pictures.first_frame,
    )
    where = dataclasses.asdict(cluster)
    return upscale_archive(settings, tasks, stores[1], dry_run=run.dry_run, report=run.json, **where)
