"""Networks as .pth files of the PyTorch programs that have the same network."""

import io
import json
import zipfile
from collections.abc import Mapping

import numpy as np
from flax.traverse_util import flatten_dict
from numpy.typing import DTypeLike

from jaxsr.errors import InputError
from jaxsr.weights import Weights, architecture
from jaxsr.weights.layouts import LAYOUTS, Layout, norms, unit_output


def layout_of(weights: Weights) -> str:
    """The name in `LAYOUTS` of the program that has this network.

    Raises:
      InputError: no program has it.
    """
    model = weights.model
    if not weights.variables["params"]:
        raise InputError("--format pth stores parameters, and an interpolation has none; use --format onnx")
    for name, layout in LAYOUTS.items():
        if type(model) is layout.kind and all(getattr(model, field) in known for field, known in layout.values.items()):
            return name
    described = architecture(model)
    fields = ", ".join(f"{name}={value}" for name, value in described["fields"].items())
    raise InputError(
        f"--format pth: no known program has the architecture {described['name']} with {fields}; use --format onnx"
    )


def state_dict(weights: Weights, layout: Layout) -> dict[str, np.ndarray]:
    """A network's tensors by the program's names, float32 and int64. Its modules load them strictly."""
    variables = weights.variables
    if layout.unit_output:
        params = variables["params"]
        variables = variables | {"params": params | {"conv_last": unit_output(params["conv_last"])}}
    ours = {name: np.asarray(value, np.float32) for name, value in flatten_dict(variables, sep="/").items()}
    places = layout.places(weights.model)
    tensors = {name: place.turn_back(ours[place.name]) for name, place in places.items()}
    for convolution, norm in norms(places):
        tensors[f"{norm}.num_batches_tracked"] = np.array(0, np.int64)
        if layout.norm_bias:
            tensors[f"{convolution}.bias"] = np.zeros_like(tensors[f"{norm}.bias"])
    return tensors


def torch_file(tensors: Mapping[str, np.ndarray], card: dict, *, under: str | None, dtype: DTypeLike) -> bytes:
    """The bytes of a .pth file. It holds the card as JSON in a separate record, which `torch.load` ignores.

    Args:
      tensors: see `state_dict`.
      card: the model card.
      under: key of the state dict in the file; None if the file is the state dict itself.
      dtype: float32 or float16, for the stored floats.
    """
    import torch

    floats = torch.float16 if np.dtype(dtype) == np.float16 else torch.float32
    state = {}
    for name, value in tensors.items():
        tensor = torch.from_numpy(np.array(value))
        state[name] = tensor.to(floats) if tensor.is_floating_point() else tensor
    file = io.BytesIO()
    torch.save(state if under is None else {under: state}, file)
    with zipfile.ZipFile(file, "a") as archive:
        folder = archive.namelist()[0].partition("/")[0]
        record = zipfile.ZipInfo(f"{folder}/card.json")
        archive.writestr(record, json.dumps(card, sort_keys=True, ensure_ascii=False))
    return file.getvalue()
