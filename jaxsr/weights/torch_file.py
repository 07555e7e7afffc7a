"""Read the tensors of PyTorch's files, without PyTorch and without running code from them.

A .pth file is a pickle beside raw numbers. A pickle can call any function by its name. Here, the names that a state
dict needs stand for functions of this module, and any other name is refused.

A small file must not take much memory or time either: what its parts expand to is limited by what they are stored in.
"""

import functools
import io
import math
import pickle
import struct
import zipfile
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

_ZIP = b"PK\x03\x04"
_MAGIC = 0x1950A86A20F9469CFC6C
_DTYPES = {"Float": "<f4", "Half": "<f2", "Double": "<f8", "BFloat16": "<u2", "Long": "<i8", "Int": "<i4"}
_DTYPES |= {"Short": "<i2", "Char": "i1", "Byte": "u1", "Bool": "?"}


class _Storage(NamedTuple):
    kind: str
    key: str


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


def _tensor(storage, offset, size, stride, *_):
    if not (isinstance(storage, _Storage) and isinstance(size, list) and isinstance(stride, list)):
        raise pickle.UnpicklingError("a tensor lacks its storage or shape")
    return _Tensor(storage, offset, size, stride)


def _ordered(*pairs):
    made = OrderedDict(*pairs)
    # The pairs are used up, so that a few bytes cannot copy them again and again.
    for each in pairs:
        each.clear()
    return made


def _unknown():
    raise pickle.UnpicklingError("not a pickle as PyTorch writes it")


def _into_list(count):
    def rule(reader):
        reader.stack[-count:] = [reader.stack[-count:]]

    return rule


# The opcodes that PyTorch writes. Others can ask for memory that the file does not fill, or make sets.
_OPCODES = ("PROTO", "FRAME", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1")
_OPCODES += ("BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINSTRING", "SHORT_BINSTRING", "BINBYTES")
_OPCODES += ("SHORT_BINBYTES", "EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_DICT", "SETITEM", "SETITEMS", "BINPUT")
_OPCODES += ("LONG_BINPUT", "MEMOIZE", "BINGET", "LONG_BINGET", "GLOBAL", "STACK_GLOBAL", "REDUCE", "BINPERSID")
_CODES = [getattr(pickle, name)[0] for name in _OPCODES]
_PYTHONS: Mapping[int, Callable] = pickle._Unpickler.dispatch
_RULES: dict[int, Callable] = defaultdict(_unknown, {code: _PYTHONS[code] for code in _CODES})
# Tuples become lists, which cannot be keys: the hash of tuples of tuples could take for ever.
_RULES |= {pickle.TUPLE[0]: _PYTHONS[pickle.LIST[0]], pickle.EMPTY_TUPLE[0]: _PYTHONS[pickle.EMPTY_LIST[0]]}
_RULES |= {code: _into_list(n) for n, (code,) in enumerate((pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3), start=1)}
# The attributes of an object, such as the versions in a state dict, are not needed.
_RULES[pickle.BUILD[0]] = lambda reader: reader.stack.pop()


class _Reader(pickle._Unpickler):
    """Python's own unpickler: its memo is a dict, so a far place in it takes no memory, and its rules can be chosen."""

    dispatch = _RULES

    def __init__(self, file) -> None:
        super().__init__(file)
        self.kinds: dict[str, str] = {}

    def find_class(self, module: str, name: str) -> Any:
        kind = name.removesuffix("Storage")
        if module in ("torch", "torch.storage") and name.endswith("Storage") and kind in _DTYPES:
            return kind
        known = {
            ("collections", "OrderedDict"): _ordered,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("torch._utils", "_rebuild_tensor"): _tensor,
            ("torch._utils", "_rebuild_parameter"): lambda tensor, *given: tensor,
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(
                f"it needs {module}.{name}, which is not part of a tensor: in its program, save model.state_dict() "
                "with torch.save, and name that file"
            )
        return known[module, name]

    def persistent_load(self, pid: Any) -> _Storage:
        known = isinstance(pid, list) and len(pid) >= 5 and all(isinstance(each, str) for each in pid[:3])
        if not known or pid[0] != "storage" or pid[1] not in _DTYPES:
            raise pickle.UnpicklingError("it has a storage of an unknown kind")
        if len(pid) > 5 and pid[5] is not None:
            raise pickle.UnpicklingError("it has storages that are views of others")
        self.kinds[pid[2]] = pid[1]
        return _Storage(*pid[1:3])


def read_torch_file(path: Path) -> Any:
    """Read what `torch.save` wrote, with tensors as numpy arrays; floats become float32.

    Both formats are read: zip archives, and sequences of pickles as written by PyTorch before 1.6.

    Raises:
      Exception: of any kind, if the file is broken or contains more than tensors in dicts, lists and plain values.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            stored = all(part.compress_type == zipfile.ZIP_STORED for part in parts)
            if not stored or sum(part.file_size for part in parts) > path.stat().st_size:
                raise ValueError("its parts are compressed or overlap, which PyTorch's never do")
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
        _version, system = (_Reader(file).load() for _ in range(2))
        reader = _Reader(file)
        content, keys = reader.load(), _Reader(file).load()
        if not system["little_endian"]:
            raise ValueError("its numbers are big-endian")
        storages = {}
        for key in keys:
            (count,) = struct.unpack("<q", file.read(8))
            storages[key] = file.read(count * np.dtype(_DTYPES[reader.kinds[key]]).itemsize)
        return _filled(content, lambda key: storages[key])


def _filled(content, bytes_of):
    """The content with arrays instead of tensors."""
    done, made, bytes_of = {}, Counter(), functools.cache(bytes_of)

    def filled(each):
        # Once for each object: lists that contain another twice would double the work at each level.
        if id(each) not in done:
            done[id(each)] = convert(each)
        return done[id(each)]

    def convert(each):
        if isinstance(each, _Tensor):
            kind, key = each.storage
            values = np.frombuffer(bytes_of(key), _DTYPES[kind])
            made[key] += math.prod(each.size)
            # Layers share weights in few places. Each tensor becomes an array of its own.
            if made[key] > 8 * len(values):
                raise ValueError("its tensors repeat a storage too often")
            return _array(each, kind, values)
        if isinstance(each, dict):
            return {key: filled(value) for key, value in each.items()}
        return [filled(value) for value in each] if isinstance(each, list) else each

    return filled(content)


def _array(tensor, kind, values):
    offset, size, stride = tensor.offset, tuple(tensor.size), tuple(tensor.stride)
    if len(size) != len(stride) or not all(isinstance(n, int) and n >= 0 for n in (offset, *size, *stride)):
        raise ValueError("a tensor has an impossible shape")
    # Strides of zero could make any number of elements from one.
    if math.prod(size) > len(values):
        raise ValueError("a tensor has more elements than its storage")
    if 0 not in size and offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True)) >= len(values):
        raise ValueError("a tensor is larger than its storage")
    # The check above keeps this within the bytes that were read.
    steps = [step * values.itemsize for step in stride]
    array = np.lib.stride_tricks.as_strided(values[offset:], size, steps)
    if kind == "BFloat16":
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float32 if kind in ("Float", "Half", "Double") else array.dtype)
