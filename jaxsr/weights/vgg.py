"""The parameters of a trained VGG: port them from other libraries' files, write and read them."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from flax.traverse_util import unflatten_dict

from jaxsr.errors import InputError
from jaxsr.models.vgg import convolutions
from jaxsr.weights.porting import Place, file_hash, kernel_place, port, read_tensors
from jaxsr.weights.safetensors_file import read_safetensors, write_safetensors

# {layout: (depth, the normalisation that the weights were trained with)}.
VGG_LAYOUTS = {
    "torchvision-vgg16": (16, "imagenet"),
    "torchvision-vgg19": (19, "imagenet"),
    "keras-vgg16": (16, "caffe"),
    "keras-vgg19": (19, "caffe"),
}


def port_vgg(source: str | os.PathLike, layout: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Port the parameters of all convolutions, {"conv1_1": {"kernel", "bias"}, …}, and make their card.

    Args:
      source: the file.
      layout: one of `VGG_LAYOUTS`.

    Raises:
      InputError: see `read_tensors` and `port`.
    """
    depth, normalisation = VGG_LAYOUTS[layout]
    places = _torchvision(depth) if layout.startswith("torchvision") else _keras(depth)
    params = port(
        read_tensors(source),
        places,
        _shapes(depth),
        source=str(source),
        ignored=lambda name: name.startswith(("classifier.", "fc", "predictions")),
    )
    card = {"name": f"vgg{depth}", "depth": depth, "normalisation": normalisation, "layout": layout}
    return params, card | {"origin": Path(source).name, "sha256": file_hash(source)}


def save_vgg(path: str | os.PathLike, params: dict[str, Any], card: dict[str, Any]) -> None:
    """Write a ported VGG, completely or not at all."""
    tensors = {
        f"{layer}/{part}": np.array(v, order="C") for layer, parts in params.items() for part, v in parts.items()
    }
    write_safetensors(path, tensors, card | {"format": "jaxsr-vgg"})


def read_vgg(path: str | os.PathLike) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read the parameters and the card of a file that `save_vgg` wrote.

    Raises:
      InputError: the file does not exist, is another kind of file, or its tensors do not match its card.
    """
    what = f"--perceptual {path}"
    if not Path(path).is_file():
        raise InputError(f"{what}: choose vgg19, vgg16, lpips or a file that `jaxsr port` wrote")
    try:
        tensors, card = read_safetensors(path)
    except InputError as error:
        raise InputError(f"--perceptual {error}; port it again") from error
    if card.get("format") != "jaxsr-vgg":
        raise InputError(f"{what}: not a VGG; port one with `jaxsr port --layout torchvision-vgg19`")
    depth, normalisation = card.get("depth"), card.get("normalisation")
    if (depth, normalisation) not in VGG_LAYOUTS.values():
        raise InputError(f"{what}: its card has depth {depth!r} and normalisation {normalisation!r}; port it again")
    expected = _shapes(depth)
    different = sorted(expected.keys() ^ tensors.keys())
    different += [name for name in expected.keys() & tensors.keys() if tensors[name].shape != expected[name]]
    if different:
        raise InputError(f"{what}: not the tensors of a VGG{depth} ({', '.join(different[:4])}, …); port it again")
    params = unflatten_dict(tensors, sep="/")
    return params, {key: value for key, value in card.items() if key != "format"}


def _shapes(depth):
    shapes, width = {}, 3
    for name, channels in convolutions(depth).items():
        shapes |= {f"{name}/kernel": (3, 3, width, channels), f"{name}/bias": (channels,)}
        width = channels
    return shapes


def _torchvision(depth):
    places, index, stage = {}, 0, "1"
    for name in convolutions(depth):
        # A pooling layer between two stages, and a ReLU after every convolution, take an index each.
        index += name[4] != stage
        stage = name[4]
        places[f"features.{index}.weight"] = kernel_place(f"{name}/kernel")
        places[f"features.{index}.bias"] = Place(f"{name}/bias")
        index += 2
    return places


def _keras(depth):
    return {
        f"block{name[4]}_conv{name[6]}/{part}": Place(f"{name}/{part}")
        for name in convolutions(depth)
        for part in ("kernel", "bias")
    }
