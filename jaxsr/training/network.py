"""The network of a run, and its weights before the first update."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp

from jaxsr.config import TrainConfig
from jaxsr.errors import InputError
from jaxsr.models import ESPCN, SRCNN, Compact, RRDBNet, SRResNet
from jaxsr.models.initialisation import initialise
from jaxsr.models.network import Network
from jaxsr.models.rescaling import rescaled
from jaxsr.weights.lineage import START, lineage
from jaxsr.weights.opening import open_weights
from jaxsr.weights.store import Weights, architecture


def build(config: TrainConfig) -> Network:
    """The network that the settings describe, with its dtype of computation. For srgan it is the SRResNet."""
    dtype = jnp.dtype(config.dtype)
    match config.stage:
        case "srresnet" | "srgan":
            return SRResNet(config.scale, config.features, config.blocks, config.output, dtype=dtype)
        case "espcn":
            return ESPCN(config.scale, dtype=dtype)
        case "srcnn":
            return SRCNN(config.scale, config.kernel_sides, dtype=dtype)
        case "rrdbnet":
            return RRDBNet(config.scale, config.features, config.growth, config.blocks, dtype=dtype)
        case "compact":
            return Compact(config.scale, config.features, config.convolutions, dtype=dtype)


def starting_point(config: TrainConfig, *, resumed: bool) -> Weights:
    """The network and its weights before the first update. New weights have an empty card.

    Args:
      config: settings of the run.
      resumed: whether the run goes on. Then a copy of the weights that it began with is preferred to `config.init`.

    Raises:
      InputError: the weights to start from are missing, cannot be read, or belong to another network. Those of a
        network that differs only in its scale are accepted where `rescaled` accepts them, except for srgan.
    """
    model = build(config)
    if config.init is None:
        if config.stage == "srgan" and not config.from_scratch:
            raise InputError(
                "--init is missing: SRGAN starts from a trained network (a run's folder, a weights file or a bundled "
                "name), since an untrained generator loses to the discriminator at once; --from-scratch starts anyway"
            )
        key = jax.random.key(config.seed)
        return Weights(model, initialise(key, model, initialisation=config.initialisation), {})
    if config.from_scratch and not resumed:
        raise InputError(
            f"--from-scratch starts from untrained weights and --init {config.init} names others; leave one out (where "
            "the recipe names it: --init None)"
        )
    # A run keeps a copy, so that it can go on when the weights that --init named are gone.
    kept = Path(config.workdir, START)
    weights = open_weights(kept if resumed and kept.is_file() else config.init, dtype=model.dtype)
    theirs, ours = architecture(weights.model), architecture(model)
    if theirs != ours and architecture(weights.model.clone(scale=model.scale)) == ours:
        if config.stage == "srgan":
            raise InputError(
                f"--init {config.init} upscales by {weights.model.scale}, and SRGAN starts from a network of its own "
                f"scale; train one with --stage srresnet --scale {model.scale} --init {config.init} first"
            )
        return _of_another_scale(weights, model, config.init)
    of_its_own = config.stage == "srgan" and isinstance(weights.model, RRDBNet | Compact)
    if theirs != ours and not (of_its_own and weights.model.scale == config.scale):
        raise InputError(
            f"--init {config.init} holds another network than this run trains "
            f"({json.dumps(theirs)} there, {json.dumps(ours)} here); name other weights, or change the flags to fit"
        )
    return weights


def _of_another_scale(weights, model, init):
    try:
        variables = rescaled(weights.variables, weights.model, scale=model.scale)
    except InputError as error:
        raise InputError(f"--init {init}: {error}; leave --init out, or change --scale") from error
    card = {"initialisation": f"rescaled from ×{weights.model.scale}", "lineage": lineage(weights)}
    return Weights(model, variables, card)
