"""Tensors of other programs' files under our names: every tensor used, every tensor filled, or an error naming all."""

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import safetensors
import safetensors.numpy
from flax.traverse_util import unflatten_dict

from jaxsr.errors import InputError
from jaxsr.weights.ncnn import read_pair
from jaxsr.weights.torch_file import read_torch_file


class Place(NamedTuple):
    """Where one tensor of the source goes.

    Attributes:
      name: our name, a path in the variables joined by "/".
      turn: from its axes and values to ours.
      turn_back: from ours to its, of layouts that are written too.
    """

    name: str
    turn: Callable[[np.ndarray], np.ndarray] = np.asarray
    turn_back: Callable[[np.ndarray], np.ndarray] = np.asarray


def kernel_place(name: str) -> Place:
    """The place of a convolution's kernel, which is [out, in, h, w] in PyTorch and [h, w, in, out] in Flax."""
    return Place(name, lambda kernel: kernel.transpose(2, 3, 1, 0), lambda kernel: kernel.transpose(3, 2, 0, 1))


def convolution(theirs: str, ours: str, *, bias: bool = True) -> dict[str, Place]:
    """Where the tensors of a convolution of PyTorch go, "NAME.weight" and "NAME.bias" to "params/NAME/…"."""
    places = {f"{theirs}.weight": kernel_place(f"params/{ours}/kernel")}
    return places | ({f"{theirs}.bias": Place(f"params/{ours}/bias")} if bias else {})


def read_tensors(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """The tensors of a file of PyTorch (.pth, .pt, …), Keras (.h5), safetensors or ncnn (.param, with its .bin).

    Their names are those that they have there, and BasicSR's where it is ncnn's. PyTorch's pickles are read by
    `jaxsr.weights.torch_file`, which runs no code from them. A state dict inside a checkpoint ("params_ema", "params",
    "state_dict", "model", "generator") is found, and "module." left out.

    Raises:
      InputError: no such file, it holds more than tensors, it is broken, or a network of ncnn's that is not read.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    suffix = path.suffix.lower()
    if suffix in (".h5", ".hdf5"):
        return _read_keras(path)
    if suffix == ".param":
        return read_pair(path)
    if suffix == ".safetensors":
        try:
            return safetensors.numpy.load_file(path)
        except safetensors.SafetensorError as error:
            raise InputError(f"{path}: not a readable safetensors file ({error})") from error
    return _read_torch(path)


def port(
    tensors: Mapping[str, np.ndarray],
    places: Mapping[str, Place],
    shapes: Mapping[str, tuple[int, ...]],
    *,
    source: str,
    ignored: Callable[[str], bool] = lambda name: False,
) -> dict:
    """Our variables, filled from the source.

    Args:
      tensors: of the source, by its names.
      places: for each of those names, where it goes.
      shapes: all of ours, by their paths joined by "/".
      source: what to call the file in errors.
      ignored: whether a tensor of the source is knowingly left out.

    Raises:
      InputError: a tensor is missing, unexpected, of the wrong shape or not finite; one error names all.
    """
    moved, unturned = {}, []
    for name in tensors.keys() & places.keys():
        try:
            moved[places[name].name] = places[name].turn(tensors[name])
        except ValueError:
            unturned.append(f"{name} {list(tensors[name].shape)} for {list(shapes.get(places[name].name, ()))}")
    problems = {
        "missing": sorted(set(places) - set(tensors)),
        "unexpected": sorted(name for name in tensors if name not in places and not ignored(name)),
        "of the wrong shape": sorted(
            unturned
            + [
                f"{name} {list(value.shape)} for {list(shapes[name])}"
                for name, value in moved.items()
                if name in shapes and value.shape != shapes[name]
            ]
        ),
        "with NaN or infinity": sorted(name for name, value in moved.items() if not np.isfinite(value).all()),
        "without a source": sorted(set(shapes) - {place.name for place in places.values()}),
    }
    found = [f"{len(names)} {what} ({_shortened(names)})" for what, names in problems.items() if names]
    if found:
        raise InputError(f"{source}: not the tensors of this layout: {'; '.join(found)}")
    return unflatten_dict({name: np.asarray(value, np.float32) for name, value in moved.items()}, sep="/")


def file_hash(path: str | os.PathLike) -> str:
    """SHA-256 of a file, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_torch(path):
    try:
        stored = read_torch_file(path)
    except Exception as error:
        # Whatever a broken or hostile pickle raises; the first line says which.
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{path}: cannot be opened as tensors alone, which is all that is trusted ({reason})"
        ) from error
    for key in ("params_ema", "params", "state_dict", "model", "generator"):
        if isinstance(stored, dict) and isinstance(stored.get(key), dict):
            stored = stored[key]
    if not isinstance(stored, dict) or not all(isinstance(value, np.ndarray) for value in stored.values()):
        raise InputError(f"{path}: no state dict of tensors in it")
    return {str(name).removeprefix("module."): np.asarray(value, np.float32) for name, value in stored.items()}


def _read_keras(path):
    import h5py

    tensors = {}

    def visit(name, item):
        # "block1_conv1/block1_conv1_W_1:0" or "block1_conv1/block1_conv1/kernel:0", by the age of the file.
        if isinstance(item, h5py.Dataset):
            numbers = np.issubdtype(item.dtype, np.number)
            kind = {4: "kernel", 1: "bias"}.get(item.ndim, "other") if numbers else "other"
            tensors[f"{name.split('/')[0]}/{kind}"] = np.asarray(item)

    try:
        with h5py.File(path) as file:
            file.visititems(visit)
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise InputError(f"{path}: not a readable .h5 file ({error})") from error
    return tensors


def _shortened(names, most=6):
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
