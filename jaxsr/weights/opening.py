"""Open any weights file of a network for pictures: jaxsr's own, or another program's, which is ported on the fly."""

import dataclasses
import os
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import safetensors

from jaxsr.errors import InputError
from jaxsr.weights.architecture import architecture
from jaxsr.weights.store import Weights, load_weights

FOREIGN_SUFFIXES = (".pth", ".pt", ".ckpt", ".tar", ".bin", ".param")


def open_weights(name_or_path: str | os.PathLike, *, dtype: Any = jnp.float32) -> Weights:
    """Read a network from a file of jaxsr's, or from one that `jaxsr.weights.generators.port_generator` can read.

    Args:
      name_or_path: see `load_weights`; or a .pth, .pth.tar, .pt, .ckpt, .bin or .safetensors file of another program,
        from which no code is run; or the .param file of an ncnn pair, whose .bin file is beside it.
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


def short_name(name_or_path: str | os.PathLike) -> str:
    """The name of a network for people: of its file, without the suffixes of weights files, or of its folder."""
    # Absolute, because "." has no name.
    path = Path(os.path.abspath(name_or_path))
    known = path.suffix.lower() in (".safetensors", *FOREIGN_SUFFIXES)
    return path.name.removesuffix(path.suffix).removesuffix(".pth") if known else path.name


def is_foreign(path: Path) -> bool:
    """Whether a file is another program's: by its suffix, or because it is safetensors without jaxsr's card.

    Raises:
      InputError: a safetensors file is broken.
    """
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
