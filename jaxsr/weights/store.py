"""Weights files: one safetensors file per network, with a card in its metadata that describes the network.

Tensor names are the paths in the variables, joined by "/" ("params/conv_first/kernel").
"""

import dataclasses
import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from jaxsr.errors import InputError
from jaxsr.models.network import Network
from jaxsr.weights.architecture import architecture, build_model
from jaxsr.weights.safetensors_file import read_safetensors, write_safetensors
from jaxsr.weights.shapes import listed, shapes_of

BUNDLED = Path(__file__).parent / "bundled"


@dataclasses.dataclass(frozen=True, eq=False)
class Weights:
    """A network ready to apply: `weights.model.apply(weights.variables, lr)`.

    Attributes:
      model: the network.
      variables: nested dict of float32 arrays, {"params": …} and, where the network has it, {"batch_stats": …}.
      card: facts about the network as JSON values: training data, steps, seed, code version, validation, licence …
    """

    model: Network
    variables: dict[str, Any]
    card: dict[str, Any]


def save_weights(path: str | os.PathLike, weights: Weights, *, storage: Any = np.float32) -> None:
    """Write a weights file, completely or not at all; equal weights give equal bytes.

    `format`, `architecture`, `scale`, `input_range` and `output_range` are added to the card.

    Args:
      path: the file, by convention NAME.safetensors.
      weights: the weights.
      storage: float32, or float16 for half the size.

    Raises:
      InputError: the variables are not those of the model, or contain NaN or infinity.
      OSError: the file cannot be written.
    """
    tensors = {
        name: np.array(value, storage, order="C") for name, value in flatten_dict(weights.variables, sep="/").items()
    }
    _check(path, weights.model, tensors)
    card = dict(weights.card)
    card |= {"architecture": architecture(weights.model), "scale": weights.model.scale}
    card |= {"input_range": [0, 1], "output_range": [-1, 1], "format": "jaxsr"}
    write_safetensors(path, tensors, card)


def load_weights(name_or_path: str | os.PathLike, *, dtype: Any = jnp.float32) -> Weights:
    """Read a network.

    Args:
      name_or_path: a bundled name (see `bundled_names`), a .safetensors file, or the folder of a training run. From a
        folder, best.safetensors is read if it exists, otherwise last.safetensors.
      dtype: dtype of the network's computation; the variables are float32, whatever the file stores.

    Raises:
      InputError: the file does not exist, is not a jaxsr weights file, or its tensors are not exactly those of the
        network on its card.
    """
    path = _find(name_or_path)
    tensors, card = read_safetensors(path)
    _check_card(path, card)
    try:
        model = build_model(card["architecture"], dtype=dtype)
    except (InputError, RecursionError) as error:
        raise InputError(f"{path}: {error}") from error
    # A number on a card must not decide how long this takes. Of fewer modules, `_check` says which tensors are missing.
    if max(getattr(model, "blocks", 0), getattr(model, "convolutions", 0)) > max(len(tensors), 100):
        raise InputError(f"{path}: its {len(tensors)} tensors are fewer than the modules of the network on its card")
    _check(path, model, tensors)
    # NumPy converts them, because JAX would compile a program for it.
    tensors = jax.device_put({name: np.asarray(value, np.float32) for name, value in tensors.items()})
    return Weights(model, unflatten_dict(tensors, sep="/"), card)


def bundled_names() -> list[str]:
    """Names of the weights that ship with the package."""
    return sorted(path.stem for path in BUNDLED.glob("*.safetensors"))


def _find(name_or_path):
    if isinstance(name_or_path, str) and name_or_path in bundled_names():
        return BUNDLED / f"{name_or_path}.safetensors"
    path = Path(name_or_path)
    if path.is_dir():
        for name in ("best.safetensors", "last.safetensors"):
            if (path / name).is_file():
                return path / name
        raise InputError(f"{path}: neither best.safetensors nor last.safetensors is in this folder")
    if path.is_file():
        return path
    names = ", ".join(bundled_names()) or "none"
    if name_or_path == "auto":
        raise InputError(f"auto chooses a network for each picture; name one here ({names})")
    raise InputError(f"{name_or_path}: no such weights file, training run or bundled weights (bundled: {names})")


def _check_card(path, card):
    if card.get("format") != "jaxsr" or "architecture" not in card:
        raise InputError(f"{path}: no jaxsr model card in its metadata, so its network is unknown")
    generation = card
    while generation:
        for key, kind in (("recipe", dict), ("hash", str), ("lineage", dict)):
            if not isinstance(generation.get(key, kind()), kind):
                raise InputError(f"{path}: the {key} on its card cannot be {type(generation[key]).__name__}")
        generation = generation.get("lineage")


def _check(path, model, tensors):
    """Compare tensors with the variables that the model would make; raise one error that names all differences."""
    try:
        expected = shapes_of(model)
    except InputError:
        # The environment is at fault, not the file.
        raise
    except (TypeError, ValueError, ArithmeticError) as error:
        raise InputError(f"{path}: {architecture(model)} cannot be built ({error})") from error
    wrong_shape, wrong_dtype, wrong_value = [], [], []
    for name in sorted(tensors.keys() & expected.keys()):
        value = tensors[name]
        if value.shape != expected[name]:
            wrong_shape.append(f"{name} {list(value.shape)} for {list(expected[name])}")
        elif value.dtype not in (np.float32, np.float16):
            wrong_dtype.append(f"{name} {value.dtype}")
        elif not np.isfinite(value).all():
            wrong_value.append(name)
    differences = {
        "missing": sorted(expected.keys() - tensors.keys()),
        "unexpected": sorted(tensors.keys() - expected.keys()),
        "of the wrong shape": wrong_shape,
        "neither float32 nor float16": wrong_dtype,
        "with NaN or infinity": wrong_value,
    }
    if found := listed(differences, most=4):
        name = architecture(model)["name"]
        raise InputError(f"{path}: the tensors are not those of this {name} ×{model.scale}: {found}")
