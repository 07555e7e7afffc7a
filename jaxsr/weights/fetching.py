"""Keras' VGG19, fetched once into the user's cache folder."""

import os
import urllib.error
import urllib.request
from pathlib import Path

import pooch
from tqdm import tqdm

from jaxsr.errors import InputError
from jaxsr.weights.vgg import port_vgg, save_vgg

KERAS_URL = (
    "https://storage.googleapis.com/tensorflow/keras-applications/vgg19/"
    "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
)
KERAS_MD5 = "253f8cb515780f3b799900260a226db6"


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
    except OSError as error:
        raise InputError(f"VGG19's weights cannot be fetched ({error}); {way_out}") from error
    params, card = port_vgg(path, "keras-vgg19")
    save_vgg(converted, params, card)
    return converted


def _resuming(url, output_file, _):
    """A downloader for pooch that stores received bytes in NAME.part and requests only the rest.

    The file to write is a temporary one in the folder that pooch has made.
    """
    part = Path(output_file).with_name(url.rsplit("/", 1)[-1] + ".part")
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
