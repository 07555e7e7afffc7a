"""Read and write safetensors files with a card, a JSON object, in their metadata."""

import contextlib
import json
import os
from collections.abc import Generator
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from jaxsr.errors import InputError
from jaxsr.files import replacing


def write_safetensors(path: str | os.PathLike, tensors: dict[str, np.ndarray], card: dict[str, Any]) -> None:
    """Write tensors with a card as metadata, completely or not at all.

    Raises:
      ValueError: the card contains NaN or infinity.
      OSError: the file cannot be written.
    """
    # A single key, since safetensors writes several in random order.
    text = json.dumps(card, sort_keys=True, ensure_ascii=False, allow_nan=False)
    with replacing(path) as temporary:
        temporary.write_bytes(safetensors.numpy.save(tensors, metadata={"card": text}))


@contextlib.contextmanager
def opened_safetensors(path: str | os.PathLike) -> Generator[safetensors.safe_open]:
    """Yield a safetensors file, opened for NumPy.

    Raises:
      InputError: the file is broken.
    """
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            yield file
    except safetensors.SafetensorError as error:
        raise InputError(f"{path}: not a readable safetensors file ({error}); it may be cut short") from error


def read_safetensors(path: str | os.PathLike) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read the tensors and the card of a safetensors file, {} if it has none.

    Raises:
      InputError: the file is broken, or has tensors of a dtype that NumPy lacks.
    """
    tensors = {}
    with opened_safetensors(path) as file:
        for name in file.offset_keys():
            if (dtype := file.get_slice(name).get_dtype()).startswith(("F8_", "F6_", "F4")):
                raise InputError(
                    f"{path}: its numbers are {dtype}, which is not read; store them as float16 or float32"
                )
            tensors[name] = file.get_tensor(name)
        metadata = file.metadata() or {}
    try:
        card = json.loads(metadata.get("card", "{}"))
    except (ValueError, RecursionError):
        card = None
    return tensors, card if isinstance(card, dict) else {}
