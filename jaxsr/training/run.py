"""A training run from its settings and photos: its network, its stage and the loop."""

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from functools import partial
from itertools import islice
from pathlib import Path

import jax
import numpy as np

from jaxsr.config import TrainConfig
from jaxsr.data.degradation import margin
from jaxsr.data.pipeline import crops
from jaxsr.data.sources import Source
from jaxsr.errors import InputError
from jaxsr.evaluation.protocol import lpips_metrics
from jaxsr.kernels import program_kind
from jaxsr.processes.devices import connect, gathered, is_writer, make_mesh, replicated, wait_for_all
from jaxsr.runs.card import training_card
from jaxsr.runs.drawing import draw_degraded
from jaxsr.runs.faults import adversarial_warnings
from jaxsr.runs.photos import summary, training_photos, validation_photos
from jaxsr.runs.validation import make_validation
from jaxsr.runs.workdir import await_claim, claim, extensions, recorded_run
from jaxsr.training.loop import fit
from jaxsr.training.network import starting_point
from jaxsr.training.stages import adversarial_stage, degrade_of, pixel_stage
from jaxsr.weights.lineage import START
from jaxsr.weights.store import Weights, save_weights


def train(
    config: TrainConfig,
    source: Source,
    validation: Mapping[str, np.ndarray],
    *,
    low: Mapping[str, np.ndarray],
) -> bool:
    """Train the network of `config.stage`, from the last checkpoint in the workdir if there is one.

    Args:
      config: settings that `checks.check` accepts. The caller must hold the workdir (`workdir.held`).
      source: training photos. Each side has at least `read_crop(config)` pixels.
      validation: {name: HR uint8 [H, W, 3]} that `require_room` accepts; may be empty.
      low: {name: LR} of `validation`, see `make_validation`.

    Returns:
      True if the run is finished, False if it was interrupted and saved.

    Raises:
      InputError: the settings do not fit the processes, the devices, the workdir or the weights to start from.
    """
    if config.optimizer == "soap" and jax.process_count() > 1:
        raise InputError(
            "--optimizer soap is for one process, since its bases depend on rounding; use adam for several"
        )
    workdir, adversarial = Path(config.workdir), config.stage == "srgan"
    photos = {"training": training_photos(source), "validation": validation_photos(validation, low)}
    mesh = make_mesh(config.devices, batch_size=config.batch_size)
    _require_agreement(config, photos)
    connect(mesh)
    # All refusals come before `claim`, which may remove an earlier run.
    distances = lpips_metrics(["alex"]) if adversarial and validation else None
    recorded = recorded_run(workdir) if config.resume else None
    extended = extensions(workdir, config)
    start = starting_point(config, resumed=recorded is not None)
    model = start.model
    mine = (jax.process_index(), jax.process_count())

    def open_crops(order: int, *, shard=mine):
        batches = crops(
            source,
            crop=read_crop(config),
            batch_size=config.batch_size,
            seed=config.seed + 7919 * order,
            crops_per_photo=config.crops_per_photo,
            scale=config.scale,
            sampling=config.sampling,
            shard=shard,
        )
        return iter(batches)

    crops_of_all = partial(open_crops, 0, shard=(0, 1))
    if adversarial:
        used = recorded and recorded["used"]
        stage = adversarial_stage(config, model, start.variables, crops_of_all(), mesh=mesh, used=used)
    else:
        stage = pixel_stage(config, model, start.variables)
    _claim_together(config, photos, stage.used, start, crops_of_all)
    card = training_card(
        config,
        photos=summary(photos["training"]),
        started_from=start if config.init else None,
        used=stage.used,
        extended=extended,
    )
    return fit(
        config,
        replicated(stage.state, mesh),
        stage.run_steps,
        mesh=mesh,
        open_crops=open_crops,
        validate=make_validation(
            model,
            validation,
            low=low,
            workdir=workdir if is_writer() else None,
            distances=distances,
            losses=stage.validation_losses,
            started_from={_name_of(start): start.variables} if adversarial else None,
        ),
        better=_lower_lpips if adversarial else _higher_psnr,
        warnings=adversarial_warnings if adversarial else lambda rows: {},
        export=partial(_export, config, model, card),
        extended_at=extended[-1]["at"] if extended else None,
        title=f"{config.stage} ×{config.scale}, {workdir.name}",
    )


def _claim_together(config, photos, used, start, crops_of_all):
    """Make the workdir this run's. All processes must call it; `crops_of_all` opens the crops of all of them."""
    workdir = Path(config.workdir)
    # No process changes the folder before all have read what an earlier start left there.
    wait_for_all()
    if is_writer():
        claim(workdir, config, photos, used=used)
        if config.init is not None:
            save_weights(workdir / START, start)
        if config.degradation != "bicubic":
            first = np.concatenate(list(islice(crops_of_all(), 2)))
            picture = workdir / "strips" / "degraded.png"
            draw_degraded(picture, degrade_of(config), first, scale=config.scale, degradation=config.degradation)
    wait_for_all()
    if not is_writer():
        await_claim(workdir)


def _export(config, model, card, state, name, scores):
    if is_writer():
        finite = {key: value if math.isfinite(value) else None for key, value in (scores or {}).items()}
        done = {"steps": int(state.step), "validation": _validated_on(config) | finite}
        save_weights(Path(config.workdir, name), Weights(model, jax.device_get(state.exported()), card | done))


def _validated_on(config):
    on = {"data": [Path(name).name for name in config.validation]}
    if config.validation_lr:
        return on | {"low": [Path(name).name for name in config.validation_lr]}
    return on if config.degradation == "bicubic" else on | {"degradation": config.degradation}


def _higher_psnr(scores, best):
    return best is None or scores["psnr_y"] > best["psnr_y"]


def _lower_lpips(scores, best):
    return best is None or scores["lpips_alex"] < best["lpips_alex"]


def _name_of(start):
    return "SRResNet" if start.card.get("recipe", {}).get("stage") == "srresnet" else "start"


def read_crop(config: TrainConfig) -> int:
    """Side of the crops that are read, in HR pixels: `config.crop` and the margin that the degradation cuts away."""
    return config.crop + 2 * margin(config.degradation, scale=config.scale)


def _require_agreement(config, photos):
    told = json.dumps([dataclasses.asdict(config), photos, program_kind()], sort_keys=True)
    digests = gathered(np.frombuffer(hashlib.sha256(told.encode()).digest(), np.uint8))
    odd = np.flatnonzero((digests != digests[0]).any(axis=1))
    if len(odd):
        raise InputError(
            f"process {odd[0]} has other settings, other photos or another kind of processor than process 0; start all "
            "processes with the same command, on the same folders and on machines of one kind"
        )
