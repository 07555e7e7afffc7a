"""Read the tensors of PyTorch's files, without PyTorch and without running code from them.

A .pth file is a pickle beside raw numbers. A pickle can call any function by its name. Here, the names that a state
dict needs stand for functions of this module, and any other name is refused.
"""

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

_ZIP = b"PK\x03\x04"
_MAGIC = 0x1950A86A20F9469CFC6C
_DTYPES = {"Float": "<f4", "Half": "<f2", "Double": "<f8", "BFloat16": "<u2", "Long": "<i8", "Int": "<i4"}
_DTYPES |= {"Short": "<i2", "Char": "i1", "Byte": "u1", "Bool": "?"}


class _Tensor(NamedTuple):
    storage: tuple[str, str]
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        kind = name.removesuffix("Storage")
        if module in ("torch", "torch.storage") and name.endswith("Storage") and kind in _DTYPES:
            return kind
        known = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): lambda *given: _Tensor(*given[:4]),
            ("torch._utils", "_rebuild_tensor"): lambda *given: _Tensor(*given[:4]),
            ("torch._utils", "_rebuild_parameter"): lambda tensor, *given: tensor,
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(
                f"it needs {module}.{name}, which is not part of a tensor: in its program, save model.state_dict() "
                "with torch.save, and name that file"
            )
        return known[module, name]

    def persistent_load(self, pid: Any) -> tuple[str, str]:
        if not (isinstance(pid, tuple) and len(pid) >= 5 and pid[0] == "storage" and pid[1] in _DTYPES):
            raise pickle.UnpicklingError("it has a storage of an unknown kind")
        if len(pid) > 5 and pid[5] is not None:
            raise pickle.UnpicklingError("it has storages that are views of others")
        return pid[1], str(pid[2])


def read_torch_file(path: Path) -> Any:
    """Read what `torch.save` wrote, with tensors as numpy arrays; floats become float32.

    Both formats are read: zip archives, and sequences of pickles as written by PyTorch before 1.6.

    Raises:
      Exception: of any kind, if the file is broken or contains more than tensors in dicts, lists and plain values.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
            folder = name.removesuffix("data.pkl")
            if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
                raise ValueError("its numbers are big-endian")
            content = _Reader(io.BytesIO(archive.read(name))).load()
            return _filled(content, lambda key: archive.read(f"{folder}data/{key}"))
    with open(path, "rb") as file:
        if file.read(4) == _ZIP:
            raise ValueError("an incomplete zip archive; the file may be cut short")
        file.seek(0)
        if _Reader(file).load() != _MAGIC:
            raise ValueError("not a file of PyTorch")
        _version, system, content, keys = (_Reader(file).load() for _ in range(4))
        if not system["little_endian"]:
            raise ValueError("its numbers are big-endian")
        kinds, storages = dict(_storages(content)), {}
        for key in keys:
            (count,) = struct.unpack("<q", file.read(8))
            storages[str(key)] = file.read(count * np.dtype(_DTYPES[kinds[str(key)]]).itemsize)
        return _filled(content, lambda key: storages[key])


def _storages(content):
    if isinstance(content, _Tensor):
        yield content.storage[::-1]
    elif isinstance(content, dict | list | tuple):
        for each in content.values() if isinstance(content, dict) else content:
            yield from _storages(each)


def _filled(content, bytes_of):
    """The content with arrays instead of tensors."""
    if isinstance(content, _Tensor):
        kind, key = content.storage
        return _array(content, kind, np.frombuffer(bytes_of(key), _DTYPES[kind]))
    if isinstance(content, dict):
        return {key: _filled(value, bytes_of) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_filled(value, bytes_of) for value in content]
    return content


def _array(tensor, kind, values):
    offset, size, stride = tensor.offset, tuple(tensor.size), tuple(tensor.stride)
    if len(size) != len(stride) or not all(isinstance(n, int) and n >= 0 for n in (offset, *size, *stride)):
        raise ValueError("a tensor has an impossible shape")
    if 0 not in size and offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True)) >= len(values):
        raise ValueError("a tensor is larger than its storage")
    # The check above keeps this within the bytes that were read.
    steps = [step * values.itemsize for step in stride]
    array = np.lib.stride_tricks.as_strided(values[offset:], size, steps)
    if kind == "BFloat16":
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float32 if kind in ("Float", "Half", "Double") else array.dtype)
