"""Read generators of other programs, by the layouts of their state dicts."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from jaxsr.errors import InputError
from jaxsr.weights.community import renamed
from jaxsr.weights.layouts import LAYOUTS, norms, signed_output
from jaxsr.weights.porting import file_hash, port, read_tensors
from jaxsr.weights.shapes import shapes_of
from jaxsr.weights.store import Weights


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
    tensors = renamed({name.removeprefix("net."): value for name, value in read_tensors(source).items()})
    tensors = {name: value for name, value in tensors.items() if not name.endswith("num_batches_tracked")}
    if layout == "auto":
        layout = detect(tensors, source=str(source))
    known = LAYOUTS[layout]
    model = known.model(tensors, str(source))
    places = known.places(model)
    tensors = _without_bias(tensors, norms(places))
    variables = port(tensors, places, shapes_of(model), source=str(source))
    if known.unit_output:
        variables["params"]["conv_last"] = signed_output(variables["params"]["conv_last"])
    ported_from = {"file": Path(source).name, "sha256": file_hash(source), "layout": layout}
    if Path(source).suffix.lower() == ".param":
        ported_from["weights_sha256"] = file_hash(Path(source).with_suffix(".bin"))
    return Weights(model, variables, {"origin": origin, "licence": licence, "ported_from": ported_from})


def detect(tensors: Mapping[str, np.ndarray], *, source: str) -> str:
    """Detect the layout of a state dict, one of `LAYOUTS`; `source` names the file in errors.

    Raises:
      InputError: no layout matches.
    """
    for name, layout in LAYOUTS.items():
        if layout.mark in tensors:
            return name
    if any(name.startswith("params/") for name in tensors):
        raise InputError(f"{source}: a file of jaxsr's own, which can be used without porting")
    raise InputError(
        f"{source}: not one of the known generators ({', '.join(LAYOUTS)}); its first tensors are "
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
