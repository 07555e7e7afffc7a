"""Start a run from its settings: open the devices, the workdir and the photos."""

import contextlib
import os
from pathlib import Path

from jaxsr.config import TrainConfig
from jaxsr.data.inspection import format_table, inspect
from jaxsr.data.low import with_low
from jaxsr.data.pipeline import cached
from jaxsr.data.sources import Source, file_photos, open_source
from jaxsr.errors import InputError
from jaxsr.evaluation.photos import read_set
from jaxsr.evaluation.protocol import modcrop
from jaxsr.evaluation.sets import degraded, open_sets
from jaxsr.processes.devices import is_writer, split_cpu_into_devices, wait_for_all
from jaxsr.processes.distributed import Cluster, join
from jaxsr.runs.validation import require_room
from jaxsr.runs.workdir import check_settings, held, recorded_run
from jaxsr.training.checks import check
from jaxsr.training.run import read_crop, train


def start(config: TrainConfig, *, check_only: bool = False, cluster: Cluster | None = None) -> int:
    """Check the photos, then train on those that can be used.

    Args:
      config: settings of the run.
      check_only: decode every photo, print the table of those that cannot be used, and stop.
      cluster: the processes that share the run; None for this one only. Only the first process writes and prints.

    Returns:
      The exit code: 0 if the run is finished, 1 if `check_only` finds no photo that can be used, 130 if the run was
      interrupted and saved.

    Raises:
      InputError: a flag, folder, file or the workdir is wrong.
    """
    if not config.data:
        raise InputError("--data is missing: name folders of photos, a tfds: set, or samples")
    if not (config.workdir or check_only):
        raise InputError("--workdir is missing: name a folder for checkpoints, pictures and weights")
    workdir = Path(config.workdir)
    check(config, begun=bool(config.workdir) and config.resume and recorded_run(workdir) is not None)
    if cluster is not None and not check_only:
        join(cluster)
    # The number of devices is fixed from their first use.
    split_cpu_into_devices(config.devices)
    wait_for_all()
    if check_only:
        return 0 if len(_inspected(config, *_validation_photos(config), full=True)) else 1
    with held(config.workdir) if is_writer() else _silence():
        check_settings(workdir, config)
        records, sets = _validation_photos(config)
        validation, low = _validation_pixels(config, records, sets)
        source = _inspected(config, records, sets, full=False)
        if not len(source):
            raise InputError(f"--data {' '.join(config.data)}: none of these photos can be used; see the table")
        if config.cache:
            source = cached(source)
        print(f"training {config.stage} on {len(source)} photos")
        finished = train(config, source, validation, low=low)
        if not finished:
            again = "the same command again" if config.resume else "the same command without --no-resume"
            print(f"interrupted and saved in {config.workdir}; start {again} to go on")
            return 130
        print(f"done: {workdir / 'last.safetensors'}")
        return 0


@contextlib.contextmanager
def _silence():
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


def _validation_photos(config):
    """The sources of tfds: sets, and {name: set of files} as in `jaxsr evaluate`."""
    folders = [name for name in config.validation if not name.startswith("tfds:")]
    if config.validation_lr and len(folders) < len(config.validation):
        raise InputError("--validation-lr needs folders, but --validation names a tfds: set; leave one of them out")
    degradation = None if config.validation_lr else config.degradation
    records = [open_source([name]) for name in dict.fromkeys(config.validation) if name.startswith("tfds:")]
    flags = ("--validation", "--validation-lr")
    sets = open_sets(folders, low=config.validation_lr, degradation=degradation, flags=flags) if folders else {}
    return records, sets


def _validation_pixels(config, records, sets):
    """({name: HR}, {name: LR}) with full names; gray photos are [H, W]."""

    def make_low(names):
        # The validation itself reduces records bicubically.
        return None if config.degradation == "bicubic" else degraded(names, degradation=config.degradation)

    found = [
        *(("", zip(each.names, each, strict=True), make_low(each.names)) for each in records),
        *((f"{name}/", read_set(each.paths), each.low) for name, each in sets.items()),
    ]
    photos, low = {}, {}
    for folder, named, low_of in found:
        for name, photo in named:
            require_room(folder + name, photo, scale=config.scale, lpips=config.stage == "srgan")
            photos[folder + name] = photo
            if low_of is not None:
                low[folder + name] = low_of(name, modcrop(photo, scale=config.scale), scale=config.scale)
    return photos, low


def _inspected(config, records, sets, *, full):
    # A set of files may occur several times, with several kinds of LR.
    files = dict.fromkeys(path for each in sets.values() for path in each.paths)
    photos = [photo for source in records for photo in source.photos]
    validation = Source((*photos, *file_photos(list(files), headers=False)))
    kept = {"hr": None, "lr": None}
    if not full and is_writer():
        kept = {kind: Path(config.workdir, f".looks_{kind}.npz") for kind in kept}
    found = inspect(config.data, crop=read_crop(config), validation=validation, full=full, kept=kept["hr"])
    if config.lr:
        found = with_low(found, config.data, config.lr, scale=config.scale, full=full, kept=kept["lr"])
    print(format_table(found, limit=None if full else 20))
    return found.usable
