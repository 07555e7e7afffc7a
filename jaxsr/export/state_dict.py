"""Networks as the .pth files of the programs that have them too."""

import io
import json
import zipfile
from collections.abc import Mapping

import numpy as np
from flax.traverse_util import flatten_dict

from jaxsr.errors import InputError
from jaxsr.weights import Weights, architecture
from jaxsr.weights.layouts import LAYOUTS, Layout, norms


def layout_of(weights: Weights) -> str:
    """The layout, one of `LAYOUTS`, whose program has this network.

    Raises:
      InputError: none has.
    """
    model = weights.model
    for name, layout in LAYOUTS.items():
        if type(model) is layout.kind and all(getattr(model, field) == value for field, value in layout.fixed.items()):
            return name
    described = architecture(model)
    fields = ", ".join(f"{name}={value}" for name, value in described["fields"].items())
    raise InputError(
        f"--format pth: no program known here has an architecture {described['name']} with {fields}; take --format onnx"
    )


def state_dict(weights: Weights, layout: Layout) -> dict[str, np.ndarray]:
    """The tensors of a network under their program's names, float32 and int64, as its modules load them strictly."""
    ours = {name: np.asarray(value, np.float32) for name, value in flatten_dict(weights.variables, sep="/").items()}
    if layout.unit_output:
        ours["params/conv_last/kernel"] = ours["params/conv_last/kernel"] / 2
        ours["params/conv_last/bias"] = (ours["params/conv_last/bias"] + 1) / 2
    places = layout.places(weights.model)
    tensors = {name: place.turn_back(ours[place.name]) for name, place in places.items()}
    for convolution, norm in norms(places):
        tensors[f"{norm}.num_batches_tracked"] = np.array(0, np.int64)
        if layout.norm_bias:
            tensors[f"{convolution}.bias"] = np.zeros_like(tensors[f"{norm}.bias"])
    return tensors


def torch_file(tensors: Mapping[str, np.ndarray], card: dict, *, under: str | None, dtype: np.dtype) -> bytes:
    """A .pth file, with the card as JSON in a record of its own that `torch.load` does not look at.

    Args:
      tensors: see `state_dict`.
      card: what is known about them.
      under: the key that the program looks for the state dict under; None where that is the whole file.
      dtype: of the stored floats, float32 or float16.
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
