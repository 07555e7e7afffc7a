"""Open any weights file of a network for pictures: jaxsr's own, or another program's, which is ported on the fly."""

import dataclasses
import os
from pathlib import Path
from typing import Any

import jax.numpy as jnp

from jaxsr.errors import InputError
from jaxsr.weights.architecture import architecture
from jaxsr.weights.community import renamed
from jaxsr.weights.layouts import LAYOUTS, norms, signed_output
from jaxsr.weights.porting import file_hash, port, read_tensors
from jaxsr.weights.safetensors_file import opened_safetensors
from jaxsr.weights.shapes import shapes_of
from jaxsr.weights.store import Weights, load_weights

FOREIGN_SUFFIXES = (".pth", ".pt", ".ckpt", ".tar", ".bin", ".param")


def open_weights(name_or_path: str | os.PathLike, *, dtype: Any = jnp.float32) -> Weights:
    """Read a network from a file of jaxsr's, or from one that `port_generator` can read.

    Args:
      name_or_path: see `load_weights`; or a .pth, .pth.tar, .pt, .ckpt, .bin or .safetensors file of another program,
        from which no code is run; or the .param file of an ncnn pair, whose .bin file is beside it.
      dtype: dtype of computation.

    Raises:
      InputError: see `load_weights` and `port_generator`.
    """
    path = Path(name_or_path)
    if not _is_foreign(path):
        return load_weights(name_or_path, dtype=dtype)
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


def port_generator(source: str | os.PathLike, layout: str, *, origin: str, licence: str) -> Weights:
    """Port a generator of leftthomas/SRGAN, sgrvinod's tutorial, Lornatang/SRGAN-PyTorch, BasicSR or Real-ESRGAN.

    Depth, width and scale follow from the names and shapes. The bias of a convolution before a batch norm is merged
    into the norm's running mean. A linear output in [0, 1] is rescaled in the last convolution. Both are exact.

    Args:
      source: the file.
      layout: one of `LAYOUTS`, or "auto".
      origin: where the file is from, for the card.
      licence: licence of the weights, for the card.

    Raises:
      InputError: see `read_tensors` and `port`; or the layout is not recognised.
    """
    path = Path(source)
    tensors = renamed({name.removeprefix("net."): value for name, value in read_tensors(path).items()})
    tensors = {name: value for name, value in tensors.items() if not name.endswith("num_batches_tracked")}
    if layout == "auto":
        layout = _detected(tensors, path)
    known = LAYOUTS[layout]
    model = known.model(tensors, str(path))
    places = known.places(model)
    tensors = _without_bias(tensors, norms(places))
    variables = port(tensors, places, shapes_of(model), source=str(path))
    if known.unit_output:
        variables["params"]["conv_last"] = signed_output(variables["params"]["conv_last"])
    ported_from = {"file": path.name, "sha256": file_hash(path), "layout": layout}
    if path.suffix.lower() == ".param":
        ported_from["weights_sha256"] = file_hash(path.with_suffix(".bin"))
    return Weights(model, variables, {"origin": origin, "licence": licence, "ported_from": ported_from})


def _is_foreign(path):
    """Whether a file is another program's: by its suffix, or because it is safetensors without jaxsr's card."""
    if not path.is_file():
        return False
    if path.suffix.lower() != ".safetensors":
        return path.suffix.lower() in FOREIGN_SUFFIXES
    with opened_safetensors(path) as file:
        return "card" not in (file.metadata() or {})


def _detected(tensors, path):
    """The layout of a state dict, one of `LAYOUTS`."""
    for name, layout in LAYOUTS.items():
        if layout.mark in tensors:
            return name
    if any(name.startswith("params/") for name in tensors):
        raise InputError(f"{path}: a file of jaxsr's own, which can be used without porting")
    raise InputError(
        f"{path}: not one of the known generators ({', '.join(LAYOUTS)}); its first tensors are "
        f"{', '.join(list(tensors)[:3]) or 'missing'}"
    )


def _without_bias(tensors, pairs):
    """Merge the bias of each convolution before a batch norm into the norm's running mean."""
    tensors = dict(tensors)
    for conv, norm in pairs:
        bias, mean = tensors.get(f"{conv}.bias"), f"{norm}.running_mean"
        if bias is not None and mean in tensors and bias.shape == tensors[mean].shape:
            tensors[mean] = tensors[mean] - bias
            del tensors[f"{conv}.bias"]
    return tensors
