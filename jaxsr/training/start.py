"""From the words of a command line to a run: devices, the workdir, photos in memory or on disk."""

from pathlib import Path

import jax

from jaxsr.config import TrainConfig
from jaxsr.data.inspection import format_table, inspect
from jaxsr.data.pipeline import cached
from jaxsr.data.sources import open_source
from jaxsr.errors import InputError
from jaxsr.training.devices import split_cpu_into_devices
from jaxsr.training.run import check, train
from jaxsr.training.workdir import held


def start(config: TrainConfig, *, check_only: bool = False) -> int:
    """Check the photos, then train on those that can be used.

    Args:
      config: the run.
      check_only: decode every photo, print the table, and stop there.

    Returns:
      The exit code: 0 when all is done, 1 when no photo can be used, 130 when the run was interrupted and saved.

    Raises:
      InputError: a flag, folder, file or workdir is at fault.
    """
    if not config.data:
        raise InputError("--data is missing: name folders of photos, a tfds: set, or samples")
    if not (config.workdir or check_only):
        raise InputError("--workdir is missing: name a folder for checkpoints, pictures and weights")
    check(config)
    # The first use of JAX's devices; from here on their number is fixed.
    split_cpu_into_devices(config.devices)
    if check_only:
        return 0 if len(_inspected(config, full=True)) else 1
    with held(config.workdir):
        source = _inspected(config, full=False)
        if not len(source):
            return 1
        if config.cache:
            source = cached(source)
        held_out = open_source(config.validation) if config.validation else None
        validation = {Path(held_out.names[i]).stem: held_out[i] for i in range(len(held_out))} if held_out else {}
        print(f"training {config.stage} on {len(source)} photos, {jax.device_count()} × {jax.devices()[0].device_kind}")
        finished = train(config, source, validation)
    if not finished:
        print(f"interrupted and saved in {config.workdir}; start the same command again to go on")
        return 130
    print(f"done: {Path(config.workdir) / 'last.safetensors'}")
    return 0


def _inspected(config, *, full):
    found = inspect(config.data, crop=config.crop, validation_names=config.validation, full=full)
    print(format_table(found, limit=None if full else 20))
    return found.usable
