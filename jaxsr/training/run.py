"""A training run from its configuration: photos, network, step, loop."""

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxsr.config import TrainConfig
from jaxsr.data.pipeline import crops
from jaxsr.errors import InputError
from jaxsr.models import ESPCN, SRCNN, SRResNet
from jaxsr.models.initialisation import initialise
from jaxsr.training.card import training_card
from jaxsr.training.devices import make_mesh, replicated
from jaxsr.training.loop import fit
from jaxsr.training.state import create_state, learning_rate_schedule
from jaxsr.training.steps import compile_steps, make_pixel_step
from jaxsr.training.validation import make_validation
from jaxsr.training.workdir import claim
from jaxsr.weights.store import Weights, architecture, load_weights, save_weights


def train(config: TrainConfig, source, validation: Mapping[str, np.ndarray]) -> bool:
    """Train the network of `config.stage` with a pixel loss, from wherever its workdir left off.

    Args:
      config: the run; its workdir must be held by the caller (`workdir.held`).
      source: training photos, see `jaxsr.data.sources`; all at least `config.crop` on each side.
      validation: name to uint8 [H, W, 3]; may be empty.

    Returns:
      True when the run is finished, False when it was interrupted and saved.

    Raises:
      InputError: the configuration, the workdir or the weights to start from do not fit.
    """
    check(config)
    workdir = Path(config.workdir)
    mesh = make_mesh(config.devices, batch_size=config.batch_size)
    model = build(config)
    variables, started_from = _starting_point(config, model)
    photos = {"count": len(source), "fingerprint": _fingerprint(source)}
    claim(workdir, config, photos)
    card = training_card(config, photos=photos, started_from=started_from)
    rate = learning_rate_schedule(config.learning_rate, config.steps, schedule=config.schedule, warmup=config.warmup)
    optimizer = optax.adam(rate)
    step = make_pixel_step(model, optimizer, seed=config.seed, loss=config.loss, ema=config.ema)

    def open_crops(order: int):
        batches = crops(
            source,
            crop=config.crop,
            batch_size=config.batch_size,
            seed=config.seed + 7919 * order,
            crops_per_photo=config.crops_per_photo,
        )
        return iter(batches)

    def export(state, name: str, scores: dict | None) -> None:
        scores = {key: value if math.isfinite(value) else None for key, value in (scores or {}).items()}
        done = {
            "steps": int(state.step),
            "validation": {"data": [Path(p).name for p in config.validation]} | scores,
        }
        save_weights(workdir / name, Weights(model, jax.device_get(state.exported()), card | done))

    return fit(
        config,
        replicated(create_state(variables, optimizer, ema=config.ema > 0), mesh),
        compile_steps(step),
        mesh=mesh,
        open_crops=open_crops,
        validate=make_validation(model, validation, workdir=workdir),
        better=lambda scores, best: best is None or scores["psnr_y"] > best["psnr_y"],
        export=export,
        title=f"{config.stage} ×{config.scale}, {workdir.name}",
    )


def build(config: TrainConfig):
    """The network that a configuration describes, with its compute dtype."""
    dtype = jnp.dtype(config.dtype)
    match config.stage:
        case "srresnet":
            return SRResNet(config.scale, config.features, config.blocks, config.output, dtype)
        case "espcn":
            return ESPCN(config.scale, dtype)
        case "srcnn":
            return SRCNN(config.scale, config.kernels, dtype)


def check(config: TrainConfig) -> None:
    """Refuse values that no run can have.

    Raises:
      InputError: names the flag and what it may be.
    """
    if config.scale not in (2, 3, 4, 8):
        raise InputError(f"--scale {config.scale}: choose 2, 3, 4 or 8")
    if config.crop % config.scale:
        raise InputError(f"--crop {config.crop} is not a multiple of --scale {config.scale}")
    at_least_one = ("steps", "batch_size", "crop", "crops_per_photo", "features", "checkpoint_every", "validate_every")
    for name in (*at_least_one, "steps_per_dispatch", "devices"):
        value = getattr(config, name)
        if value is not None and value < 1:
            raise InputError(f"--{name.replace('_', '-')} {value}: must be at least 1")
    if not config.learning_rate > 0:
        raise InputError(f"--learning-rate {config.learning_rate}: must be above 0")
    if not 0 <= config.ema < 1:
        raise InputError(f"--ema {config.ema}: must be at least 0 and below 1")


def _starting_point(config, model):
    if config.init is None:
        key = jax.random.key(config.seed)
        return initialise(key, model, initialisation=config.initialisation), None
    weights = load_weights(config.init)
    theirs, ours = architecture(weights.model), architecture(model)
    if theirs != ours:
        raise InputError(
            f"--init {config.init} holds another network than this run trains "
            f"({json.dumps(theirs)} there, {json.dumps(ours)} here)"
        )
    return weights.variables, weights.card


def _fingerprint(source):
    listing = json.dumps([Path(name).name for name in source.names]) + json.dumps(source.sizes)
    return hashlib.sha256(listing.encode()).hexdigest()[:16]
