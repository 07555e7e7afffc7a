"""The lineage of weights, and the interpolation between a network and its ancestor."""

import hashlib
import os
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax.traverse_util import flatten_dict

from jaxsr.errors import InputError
from jaxsr.weights.architecture import architecture
from jaxsr.weights.opening import open_weights
from jaxsr.weights.store import Weights, bundled_names, load_weights

START = "start.safetensors"


def content_hash(variables: dict[str, Any]) -> str:
    """SHA-256 of the names and values of variables, in hex.

    Values are rounded to half precision first, so that weights have the same hash if they are stored in it.
    """
    digest = hashlib.sha256()
    for name, value in sorted(flatten_dict(variables, sep="/").items()):
        digest.update(f"{name} {list(np.shape(value))}\n".encode())
        digest.update(np.array(value, np.float16, order="C").tobytes())
    return digest.hexdigest()


def lineage(weights: Weights) -> dict[str, Any]:
    """What the card of a descendant says of these weights: how they were made, their own lineage, and their hash."""
    kept = ("recipe", "steps", "training_data", "training_photos", "code_version", "initialisation", "extended")
    kept += ("lineage", "origin", "licence", "ported_from")
    told = {name: weights.card[name] for name in kept if name in weights.card}
    return told | {"hash": content_hash(weights.variables)}


def ancestors(card: dict[str, Any]) -> list[str]:
    """Content hashes of the weights that a network descends from, its parent first."""
    hashes, parent = [], card.get("lineage")
    while parent:
        hashes += [parent["hash"]] if "hash" in parent else []
        parent = parent.get("lineage")
    return hashes


def find_base(weights: Weights, name_or_path: str | os.PathLike, *, base: str | os.PathLike | None = None) -> Weights:
    """Find an ancestor of a network: `base`, or of an SRGAN the nearest ancestor that is none itself.

    That is searched among the start weights in its run's folder and the bundled weights, by content, not by name.

    Args:
      weights: the descendant.
      name_or_path: where it was loaded from.
      base: the ancestor's bundled name, file or run; None searches for it.

    Raises:
      InputError: no ancestor is found, `base` is not an ancestor, or the network is no SRGAN and `base` is None.
    """
    known = ancestors(weights.card)
    if base is not None:
        ancestor = open_weights(base, dtype=weights.model.dtype)
        if architecture(ancestor.model) == architecture(weights.model) and content_hash(ancestor.variables) in known:
            return ancestor
        raise InputError(
            f"strength: {name_or_path} does not descend from {base}, so they cannot be interpolated; name the "
            "weights that its training started from"
        )
    if not known:
        raise InputError(f"strength: the network that {name_or_path} was trained from is not in its card")
    if not _adversarial(weights):
        raise InputError(f"strength: {name_or_path} is no SRGAN; name an ancestor as base (--base) to mix it with that")
    path = Path(name_or_path)
    beside = (path if path.is_dir() else path.parent) / START
    found = {}
    for candidate in ([beside] if beside.is_file() else []) + bundled_names():
        ancestor = load_weights(candidate, dtype=weights.model.dtype)
        if architecture(ancestor.model) == architecture(weights.model) and not _adversarial(ancestor):
            found[content_hash(ancestor.variables)] = ancestor
    nearest = next((found[parent] for parent in known if parent in found), None)
    if nearest is None:
        raise InputError(
            f"strength: the network that {name_or_path} was trained from is not at hand; name it as base (--base)"
        )
    return nearest


def _adversarial(weights):
    return weights.card.get("recipe", {}).get("stage") == "srgan"


def interpolated(base: Weights, weights: Weights, strength: float) -> Weights:
    """Interpolate parameters and batch statistics of two networks (Wang et al. 2018, ESRGAN, section 3.4).

    Args:
      base: the exact result for strength 0.
      weights: the exact result for strength 1; of the same architecture.
      strength: in [0, 1].

    Raises:
      InputError: the strength is outside [0, 1].
    """
    if not 0 <= strength <= 1:
        raise InputError(f"strength {strength}: must be from 0 (the network it was trained from) to 1 (all of it)")
    # Written so that both ends are exact.
    variables = jax.tree.map(lambda a, b: (1 - strength) * a + strength * b, base.variables, weights.variables)
    return Weights(weights.model, variables, weights.card | {"strength": strength})
