"""From the words of a command line to a run: devices, the workdir, photos in memory or on disk."""

import contextlib
import os
from pathlib import Path

import numpy as np

from jaxsr.config import TrainConfig
from jaxsr.data.inspection import format_table, inspect
from jaxsr.data.low import with_low
from jaxsr.data.pipeline import cached
from jaxsr.data.sources import open_source
from jaxsr.errors import InputError
from jaxsr.evaluation.protocol import cropped, read_set
from jaxsr.evaluation.sets import open_sets
from jaxsr.training.checks import check
from jaxsr.training.devices import gathered, is_writer, split_cpu_into_devices
from jaxsr.training.distributed import Cluster, join
from jaxsr.training.run import read_crop, train
from jaxsr.training.validation import require_room
from jaxsr.training.workdir import held


def start(config: TrainConfig, *, check_only: bool = False, cluster: Cluster | None = None) -> int:
    """Check the photos, then train on those that can be used.

    Args:
      config: the run.
      check_only: decode every photo, print the table, and stop there.
      cluster: the processes that share the run; None for this one alone. Only the first of them writes and prints.

    Returns:
      The exit code: 0 when all is done, 1 when `check_only` finds no photo that can be used, 130 when the run was
      interrupted and saved.

    Raises:
      InputError: a flag, folder, file or workdir is at fault.
    """
    if not config.data:
        raise InputError("--data is missing: name folders of photos, a tfds: set, or samples")
    if not (config.workdir or check_only):
        raise InputError("--workdir is missing: name a folder for checkpoints, pictures and weights")
    check(config)
    if cluster is not None and not check_only:
        join(cluster)
    # The first use of JAX's devices; from here on their number is fixed.
    split_cpu_into_devices(config.devices)
    # The processes meet here, within seconds of each other.
    gathered(np.int32(0))
    if check_only:
        return 0 if len(_inspected(config, full=True)) else 1
    with held(config.workdir) if is_writer() else _silence():
        validation, low = _validation_photos(config)
        source = _inspected(config, full=False)
        if not len(source):
            raise InputError(f"--data {' '.join(config.data)}: none of these photos can be used; the table says why")
        if config.cache:
            source = cached(source)
        print(f"training {config.stage} on {len(source)} photos")
        finished = train(config, source, validation, low=low)
        if not finished:
            again = "the same command again" if config.resume else "the same command without --no-resume"
            print(f"interrupted and saved in {config.workdir}; start {again} to go on")
            return 130
        print(f"done: {Path(config.workdir) / 'last.safetensors'}")
        return 0


@contextlib.contextmanager
def _silence():
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


def _validation_photos(config):
    """HR and LR by full names, gray ones as [H, W]; of a folder what `evaluate.py` would take."""
    photos, low = {}, {}
    folders = [name for name in config.validation if not name.startswith("tfds:")]
    if config.validation_lr and len(folders) < len(config.validation):
        raise InputError("--validation-lr is for folders; --validation names a tfds: set")
    for name in config.validation:
        if name.startswith("tfds:"):
            source = open_source([name])
            photos |= {source.names[i]: source[i] for i in range(len(source))}
    recipe = None if config.validation_lr else config.degradation
    for name, each in open_sets(folders, low=config.validation_lr, recipe=recipe).items() if folders else ():
        for stem, photo in read_set(each.paths):
            full = f"{name}/{stem}"
            photos[full] = photo
            require_room({full: photo}, scale=config.scale, perceptual=config.stage == "srgan")
            low[full] = each.low(stem, cropped(photo, scale=config.scale), scale=config.scale)
    return photos, low


def _inspected(config, *, full):
    held_out = [str(Path(name, "HR")) if Path(name, "HR").is_dir() else name for name in config.validation]
    found = inspect(config.data, crop=read_crop(config), validation_names=held_out, full=full)
    if config.lr:
        found = with_low(found, config.data, config.lr, scale=config.scale)
    print(format_table(found, limit=None if full else 20))
    return found.usable
