"""Refuse settings that no training run can have."""

import math
from pathlib import Path

from jaxsr.config import TrainConfig
from jaxsr.errors import InputError
from jaxsr.training.network import build

# The stages that use a setting; all use those that are not named here.
_NETWORKS = {
    "features": ("srresnet", "srgan", "rrdbnet", "compact"),
    "blocks": ("srresnet", "srgan", "rrdbnet"),
    "output": ("srresnet", "srgan"),
    "growth": ("rrdbnet",),
    "convolutions": ("compact",),
    "kernel_sides": ("srcnn",),
}
_ADVERSARIAL = (
    "from_scratch perceptual taps tap_weights content_loss content_ratio feature_scale adversarial adversarial_weight "
    "label_smoothing pixel_weight discriminator_learning_rate sharp_targets discriminator global_pool"
)
USED_BY = _NETWORKS | dict.fromkeys(_ADVERSARIAL.split(), ("srgan",))

_COUNTS = (
    "steps batch_size crop crops_per_photo checkpoint_every validate_every features growth convolutions "
    "steps_per_dispatch devices early_stop"
)
_RATES = "learning_rate discriminator_learning_rate feature_scale content_ratio"
_RANGES = (
    (_COUNTS, lambda value: value >= 1, "must be at least 1"),
    (_RATES, lambda value: 0 < value < math.inf, "must be above 0"),
    ("blocks warmup pixel_weight adversarial_weight", lambda value: 0 <= value < math.inf, "must be at least 0"),
    ("label_smoothing", lambda value: 0 <= value < 0.5, "must be at least 0 and below 0.5"),
    ("ema", lambda value: 0 <= value < 1, "must be at least 0 and below 1"),
)


def check(config: TrainConfig, *, begun: bool = False) -> None:
    """Raise `InputError`, with the flag and its possible values, if no training run can have these settings.

    A run that has `begun` may go on with settings that change nothing, as runs of earlier versions do.
    """
    *first, last = build(config).scales
    if config.scale not in (*first, last):
        raise InputError(f"--scale {config.scale}: choose {', '.join(map(str, first))} or {last}")
    if config.crop % config.scale:
        raise InputError(f"--crop {config.crop} is not a multiple of --scale {config.scale}")
    for names, possible, what in _RANGES:
        for name in names.split():
            value = getattr(config, name)
            if value is not None and not possible(value):
                raise InputError(f"--{name.replace('_', '-')} {value}: {what}")
    if config.tap_weights and not (min(config.tap_weights) >= 0 and 0 < sum(config.tap_weights) < math.inf):
        raise InputError(f"--tap-weights {config.tap_weights}: must be at least 0, and one of them above 0")
    if any(side < 1 or not side % 2 for side in config.kernel_sides):
        raise InputError(f"--kernel-sides {config.kernel_sides}: must be odd, such as 9 1 5 or 9 5 5")
    # JAX takes the last 32 bits of a seed.
    if not -(2**31) <= config.seed < 2**32:
        raise InputError(f"--seed {config.seed}: must fit into 32 bits, so from {-(2**31)} to {2**32 - 1}")
    if config.stage == "srgan":
        _check_srgan(config)
    if config.tap_weights and len(config.tap_weights) != len(config.taps):
        raise InputError(f"--tap-weights has {len(config.tap_weights)} values for {len(config.taps)} --taps")
    if config.early_stop is not None and not config.validation:
        raise InputError(f"--early-stop {config.early_stop} counts validations; name photos for them with --validation")
    if config.extend and not config.resume:
        raise InputError("--extend goes on with a run and --no-resume removes it; give one of the two")
    if config.validation_lr and not config.validation:
        raise InputError("--validation-lr has LR files for photos that are missing; name those with --validation")
    searched = [("--data", name) for name in config.data if name != "samples"] + [("--lr", name) for name in config.lr]
    for flag, folder in searched:
        if config.workdir and _is_searched(Path(config.workdir), folder):
            raise InputError(
                f"--workdir {config.workdir} lies in {flag} {folder}, where its pictures would be taken for photos; "
                "name a folder outside"
            )
    if config.lr and config.degradation != "bicubic":
        raise InputError(f"--degradation {config.degradation} makes LR and --lr provides it; give one of the two")
    if config.lr and len(config.lr) != len(config.data):
        raise InputError(f"--lr has {len(config.lr)} folders for {len(config.data)} of --data; give one for each")
    if not begun:
        _check_unused(config)


def _check_unused(config):
    """Refuse settings that would change nothing."""
    unused = {name: f"--stage {config.stage}" for name, stages in USED_BY.items() if config.stage not in stages}
    if config.init is not None:
        unused["initialisation"] = "--init"
    if config.stage == "srgan" and config.discriminator == "unet":
        unused["global_pool"] = "--discriminator unet"
    for name, where in unused.items():
        if getattr(config, name) != getattr(TrainConfig(), name):
            flag = f"--{name.replace('_', '-')}"
            raise InputError(f"{flag} has no use with {where}; leave {flag} out, or choose a recipe without it")


def _is_searched(workdir, folder):
    """Whether a run's pictures are found in a folder of photos, of which hidden subfolders are left out."""
    workdir, folder = workdir.resolve(), Path(folder).resolve()
    inside = workdir.relative_to(folder).parts if workdir.is_relative_to(folder) else (".",)
    return not any(part.startswith(".") for part in inside)


def _check_srgan(config):
    if config.optimizer != "adam":
        raise InputError(f"--optimizer {config.optimizer}: --stage srgan supports only adam")
    if config.feature_scale is None and not config.adversarial_weight:
        raise InputError("--adversarial-weight 0 leaves no loss for --content-ratio to refer to; set --feature-scale")
    times, multiple = ("three times", 8) if config.discriminator == "unet" else ("four times", 16)
    if config.crop % multiple:
        raise InputError(
            f"--crop {config.crop}: the discriminator halves crops {times}; choose a multiple of {multiple}"
        )
    if config.perceptual == "lpips" and config.content_loss != "mse":
        raise InputError(f"--content-loss {config.content_loss}: LPIPS is a sum of squares; use mse or another network")
