"""Keras' VGG19, fetched once into the user's cache folder."""

import os
import urllib.error
import urllib.request
from pathlib import Path

import platformdirs
from tqdm import tqdm

from jaxsr.errors import InputError
from jaxsr.weights.porting import file_hash
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
    folder = Path(folder or platformdirs.user_cache_dir("jaxsr"))
    fetched, converted = folder / url.rsplit("/", 1)[-1], folder / "vgg19.safetensors"
    if converted.is_file():
        return converted
    way_out = f"put {fetched.name} ({url}) into {folder} yourself, or use --perceptual vgg16"
    try:
        if not (fetched.is_file() and file_hash(fetched, method="md5") == md5):
            part = fetched.with_name(f"{fetched.name}.part")
            _fetch_rest(url, part)
            if file_hash(part, method="md5") != md5:
                part.unlink()
                raise InputError(f"{url}: the fetched file is not the expected one (its md5 differs); {way_out}")
            part.replace(fetched)
    except OSError as error:
        raise InputError(f"VGG19's weights cannot be fetched ({error}); {way_out}") from error
    params, card = port_vgg(fetched, "keras-vgg19")
    save_vgg(converted, params, card)
    return converted


def _fetch_rest(url, path):
    """Append to a file what an earlier transfer did not bring."""
    path.parent.mkdir(parents=True, exist_ok=True)
    have = path.stat().st_size if path.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=30)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        # There is no rest.
        return
    with response:
        # A server without ranges sends all of it.
        have = have if response.status == 206 else 0
        total = have + int(response.headers.get("Content-Length", 0))
        bar = tqdm(total=total or None, initial=have, unit="B", unit_scale=True, desc=path.stem)
        with bar, path.open("ab" if have else "wb") as file:
            while block := response.read(2**18):
                file.write(block)
                bar.update(len(block))
    if path.stat().st_size < total:
        raise OSError(f"the transfer broke off after {path.stat().st_size} of {total} bytes; try again to resume it")
