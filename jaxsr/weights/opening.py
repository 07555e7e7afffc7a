"""Any weights file that is a network for pictures: jaxsr's own, or another program's, ported on the fly."""

import dataclasses
import os
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import safetensors

from jaxsr.errors import InputError
from jaxsr.weights.architecture import architecture
from jaxsr.weights.store import Weights, load_weights

FOREIGN_SUFFIXES = (".pth", ".pt", ".ckpt", ".param")


def open_weights(name_or_path: str | os.PathLike, *, dtype: Any = jnp.float32) -> Weights:
    """Read a network, see `load_weights`; or a file that `jaxsr.weights.generators.port_generator` knows the layout of.

    Args:
      name_or_path: see `load_weights`; or a .pth or .safetensors file of another program, from which no code is run,
        or the .param file of a pair of ncnn's, whose .bin lies beside it.
      dtype: dtype of computation.

    Raises:
      InputError: see `load_weights` and `port_generator`.
    """
    path = Path(name_or_path)
    if not is_foreign(path):
        return load_weights(name_or_path, dtype=dtype)
    from jaxsr.weights.generators import port_generator

    weights = port_generator(path, "auto", origin="not stated", licence="not stated")
    model = weights.model.clone(dtype=jnp.dtype(dtype))
    card = weights.card | {"architecture": architecture(model), "scale": model.scale}
    return dataclasses.replace(weights, model=model, card=card)


def is_foreign(path: Path) -> bool:
    """Whether a file is another program's, by its suffix, or as safetensors without a card of jaxsr's."""
    if not path.is_file():
        return False
    if path.suffix.lower() in FOREIGN_SUFFIXES:
        return True
    if path.suffix.lower() != ".safetensors":
        return False
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            return "card" not in (file.metadata() or {})
    except safetensors.SafetensorError as error:
        raise InputError(f"{path}: not a readable safetensors file ({error}); it may be cut short") from error
