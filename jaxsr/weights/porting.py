"""Port tensors of other programs' files to our names.

Every tensor of the file must be used and every tensor of ours filled; otherwise one error names all differences.
"""

import hashlib
import os
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from flax.traverse_util import unflatten_dict

from jaxsr.errors import InputError, first_line
from jaxsr.weights.ncnn import read_pair
from jaxsr.weights.safetensors_file import read_safetensors
from jaxsr.weights.shapes import listed
from jaxsr.weights.torch_file import read_torch_file


class Place(NamedTuple):
    """The place of one tensor of the source in our variables.

    Attributes:
      name: our name, a path in the variables joined by "/".
      turn: converts its axes and values to ours.
      turn_back: converts ours to its, for layouts that can be written.
    """

    name: str
    turn: Callable[[np.ndarray], np.ndarray] = np.asarray
    turn_back: Callable[[np.ndarray], np.ndarray] = np.asarray


def kernel_place(name: str) -> Place:
    """The place of a convolution's kernel, which is [out, in, h, w] in PyTorch and [h, w, in, out] in Flax."""
    return Place(name, lambda kernel: kernel.transpose(2, 3, 1, 0), lambda kernel: kernel.transpose(3, 2, 0, 1))


def convolution(theirs: str, ours: str, *, bias: bool = True) -> dict[str, Place]:
    """The places of the tensors of a PyTorch convolution: "NAME.weight" and "NAME.bias" go to "params/NAME/…"."""
    places = {f"{theirs}.weight": kernel_place(f"params/{ours}/kernel")}
    return places | ({f"{theirs}.bias": Place(f"params/{ours}/bias")} if bias else {})


def read_tensors(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Read the tensors of a file of PyTorch (.pth, .pt, …), Keras (.h5), safetensors or ncnn (.param, with its .bin).

    They keep their names in the file; tensors of ncnn get BasicSR's names. PyTorch's pickles are read by
    `jaxsr.weights.torch_file`, which runs no code from them. A state dict inside a checkpoint ("params_ema", "params",
    "state_dict", "model", "generator") is found, and the prefix "module." is removed.

    Raises:
      InputError: the file does not exist, is broken, contains more than tensors, or is an ncnn network that cannot be
        read.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    suffix = path.suffix.lower()
    if suffix == ".bin" and path.with_suffix(".param").is_file():
        raise InputError(f"{path}: one half of an ncnn pair; name {path.with_suffix('.param').name} instead")
    if suffix in (".h5", ".hdf5"):
        return _read_keras(path)
    if suffix == ".param":
        return read_pair(path)
    if suffix == ".safetensors":
        return read_safetensors(path)[0]
    return _read_torch(path)


def port(
    tensors: Mapping[str, np.ndarray],
    places: Mapping[str, Place],
    shapes: Mapping[str, tuple[int, ...]],
    *,
    source: str,
    ignored: Callable[[str], bool] = lambda name: False,
) -> dict[str, Any]:
    """Fill our variables from the tensors of a source.

    Args:
      tensors: the tensors of the source, by its names.
      places: the place of each of those names.
      shapes: the shapes of all our variables, by their paths joined by "/".
      source: name of the file in errors.
      ignored: whether a tensor of the source, given by its name, is left out on purpose.

    Returns:
      Nested dict of float32 arrays.

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
    if found := listed(problems, most=6):
        raise InputError(f"{source}: not the tensors of this layout: {found}")
    return unflatten_dict({name: np.asarray(value, np.float32) for name, value in moved.items()}, sep="/")


def file_hash(path: str | os.PathLike, *, method: str = "sha256") -> str:
    """Hash of a file, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, method).hexdigest()


def _read_torch(path):
    if path.suffix.lower() == ".tar" and tarfile.is_tarfile(path):
        raise InputError(f"{path}: a tar archive; unpack it and name the file inside")
    try:
        stored = read_torch_file(path)
    except Exception as error:
        # A broken or hostile pickle can raise any error; its first line says what is wrong.
        raise InputError(
            f"{path}: cannot be opened as tensors alone, which is all that is trusted ({first_line(error)})"
        ) from error
    for key in ("params_ema", "params", "state_dict", "model", "generator"):
        if isinstance(stored, dict) and isinstance(stored.get(key), dict):
            stored = stored[key]
    if not isinstance(stored, dict) or not all(isinstance(value, np.ndarray) for value in stored.values()):
        raise InputError(f"{path}: it contains no state dict of tensors")
    return {str(name).removeprefix("module."): np.asarray(value, np.float32) for name, value in stored.items()}


def _read_keras(path):
    import h5py

    tensors = {}

    def visit(name, item):
        # "block1_conv1/block1_conv1_W_1:0" in older files, "block1_conv1/block1_conv1/kernel:0" in newer ones.
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
