"""Convert other programs' weights to jaxsr's format: `jaxsr port SOURCE DEST`."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro

from jaxsr.errors import InputError
from jaxsr.files import require_new
from jaxsr.weights.architecture import architecture
from jaxsr.weights.layouts import LAYOUTS
from jaxsr.weights.opening import port_generator
from jaxsr.weights.store import save_weights
from jaxsr.weights.vgg import VGG_LAYOUTS, port_vgg, save_vgg

if TYPE_CHECKING:
    Layout = str
else:
    # The choices of --layout are known only at run time.
    Layout = Literal["auto", *VGG_LAYOUTS, *LAYOUTS]


def main(
    source: tyro.conf.Positional[str],
    destination: tyro.conf.Positional[Path],
    *,
    layout: Layout = "auto",
    origin: str = "not stated",
    licence: str = "not stated",
    overwrite: bool = False,
) -> None:
    """Convert other programs' weights to jaxsr's format.

    The file is refused if a tensor is missing, unknown or left over. Use a VGG with `jaxsr train --perceptual FILE`,
    and a generator with `jaxsr upscale --model FILE` or `jaxsr.load(FILE)`.

    Args:
      source: File of PyTorch (.pth; its code is not run), Keras (.h5), safetensors, or ncnn (.param; its
        .bin lies beside it).
      destination: File to write; its name ends in .safetensors.
      layout: Program whose tensors these are. auto recognises generators by names and shapes; for a VGG, name it.
      origin: Where the weights come from, for the model card.
      licence: Licence of the weights, for the model card.
      overwrite: Replace the destination if it exists. Without this flag, the command refuses to start if it does.
    """
    if destination.suffix != ".safetensors":
        raise InputError(f"{destination}: give the destination a name that ends in .safetensors")
    require_new(destination, source=source, overwrite=overwrite)
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
