"""PyTorch's files against what PyTorch reads from them, and against files that are made to do harm."""

import pickle
import struct
import tracemalloc
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

from jaxsr.errors import InputError
from jaxsr.weights.porting import read_tensors
from jaxsr.weights.torch_file import read_torch_file

torch = pytest.importorskip("torch", reason="the oracle is PyTorch: pip install '.[oracles]'")


@pytest.mark.parametrize("zipped", [True, False], ids=["a zip archive", "as before PyTorch 1.6"])
def test_what_is_read_is_what_pytorch_reads(zipped, tmp_path):
    base = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    state = OrderedDict(plain=base, turned=base.T, part=base[1:3, ::2], one=torch.tensor(2.5), none=torch.zeros(0, 3))
    state |= {"half": base.half(), "double": base.double(), "bfloat16": base.bfloat16(), "count": torch.tensor(2**40)}
    state |= {"parameter": torch.nn.Parameter(base), "bytes": (255 * base.abs()).byte(), "truth": base > 0}
    saved = {"params": state, "step": 7, "names": ["a", "b"], "nested": {"rate": 1e-4, "nothing": None}}
    torch.save(saved, tmp_path / "saved.pth", _use_new_zipfile_serialization=zipped)
    read = read_torch_file(tmp_path / "saved.pth")
    expected = torch.load(tmp_path / "saved.pth", weights_only=True)
    for name, tensor in expected.pop("params").items():
        value = read["params"][name]
        assert value.shape == tuple(tensor.shape)
        np.testing.assert_array_equal(value, tensor.detach().float().numpy())
    assert {name: value for name, value in read.items() if name != "params"} == expected


class Calls:
    """Unpickled, it calls a function."""

    def __init__(self, function, *arguments):
        self.made = function, arguments

    def __reduce__(self):
        return self.made


def stored(path, content, *, storage=b"\0" * 16):
    """A zip archive as PyTorch's, of a pickle with persistent names of storages."""

    class Pickler(pickle.Pickler):
        def persistent_id(self, each):
            return ("storage", torch.FloatStorage, "0", "cpu", 4) if each == "the storage" else None

    with zipfile.ZipFile(path, "w") as archive, archive.open("archive/data.pkl", "w") as file:
        Pickler(file, protocol=2).dump(content)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("archive/data/0", storage)
    return path


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("function", [print, eval, getattr, __import__, torch.load, np.load], ids=lambda f: f.__name__)
def test_no_function_of_others_is_called(function, zipped, tmp_path, capsys):
    torch.save(
        {"params": Calls(function, "print('code ran')")}, tmp_path / "x.pth", _use_new_zipfile_serialization=zipped
    )
    with pytest.raises(InputError, match=r"x\.pth.*not part of a tensor"):
        read_tensors(tmp_path / "x.pth")
    assert "code ran" not in capsys.readouterr().out


def test_a_whole_module_is_refused_with_the_way_out(tmp_path):
    torch.save({"epoch": 3, "model": torch.nn.Conv2d(3, 8, 3)}, tmp_path / "module.pth")
    with pytest.raises(InputError, match=r"needs torch\.nn.*save model\.state_dict\(\) with torch\.save, and name"):
        read_tensors(tmp_path / "module.pth")


def test_nothing_beside_a_storage_is_read(tmp_path):
    def tensor(offset, size, stride):
        return {"w": Calls(torch._utils._rebuild_tensor_v2, "the storage", offset, size, stride, False, OrderedDict())}

    values = np.arange(4, dtype=np.float32)
    good = stored(tmp_path / "good.pth", tensor(1, (3,), (1,)), storage=values.tobytes())
    np.testing.assert_array_equal(read_tensors(good)["w"], [1, 2, 3])
    wrong = [(2, (3,), (1,)), (0, (2,), (4,)), (-1, (2,), (1,)), (0, (2,), (-1,)), (9, (1,), (1,))]
    for offset, size, stride in [*wrong, (0, (3, 3), (0, 0))]:
        with pytest.raises(InputError, match="a tensor"):
            read_tensors(stored(tmp_path / "bad.pth", tensor(offset, size, stride)))
    for content, words in ((b"", ""), (b"no pickle", ""), (good.read_bytes()[:200], ".*may be cut short")):
        (tmp_path / "broken.pth").write_bytes(content)
        with pytest.raises(InputError, match=rf"broken\.pth: cannot be opened as tensors alone{words}"):
            read_tensors(tmp_path / "broken.pth")


def pickled(path, content, *, compression=zipfile.ZIP_STORED):
    """A zip archive as PyTorch's, of the bytes of a pickle."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", content)
    return path


def test_lists_that_share_their_parts_are_read_once(tmp_path):
    shared = []
    for _ in range(18):
        shared = [shared, shared]
    read = read_torch_file(pickled(tmp_path / "x.pth", pickle.dumps(shared, protocol=2)))
    while read:
        assert read[0] is read[1]
        read = read[0]


def test_a_key_whose_hash_takes_for_ever_is_refused(tmp_path):
    key = ()
    for _ in range(18):
        key = (key, key)
    for content in ({key: 1}, OrderedDict([(key, 1)])):
        with pytest.raises(InputError, match=r"x\.pth: cannot be opened as tensors alone.*unhashable"):
            read_tensors(pickled(tmp_path / "x.pth", pickle.dumps(content, protocol=2)))


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02}r" + struct.pack("<I", 2_000_000) + b".",
        b"\x80\x05\x96" + struct.pack("<Q", 50_000_000) + b".",
        b"\x80\x04(\x91.",
    ],
    ids=["a far place in the memo", "an array of bytes", "a set"],
)
def test_a_small_pickle_takes_little_memory(content, zipped, tmp_path):
    path = tmp_path / "x.pth"
    pickled(path, content) if zipped else path.write_bytes(content)
    tracemalloc.start()
    try:
        if zipped and content[2:3] == b"}":
            assert read_tensors(path) == {}
        else:
            with pytest.raises(InputError, match=r"x\.pth: cannot be opened as tensors alone"):
                read_tensors(path)
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


def test_compressed_and_overlapping_parts_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"x\.pth: .*compressed or overlap"):
        read_tensors(pickled(tmp_path / "x.pth", pickle.dumps({}), compression=zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(tmp_path / "x.pth", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}))
        archive.writestr("archive/data/0", bytes(1000))
        # Entries of the list at the end, all of which mean the same bytes.
        archive.filelist += 99 * archive.filelist[-1:]
    with pytest.raises(InputError, match=r"x\.pth: .*compressed or overlap"):
        read_tensors(tmp_path / "x.pth")


def test_a_dict_is_not_copied_again_and_again(tmp_path):
    pairs = b"".join(b"M" + struct.pack("<H", number) + b"N" for number in range(2000))
    content = b"\x80\x02](ccollections\nOrderedDict\nq\x00}q\x01(" + pairs + b"u" + b"h\x00h\x01\x85R" * 2000 + b"e."
    tracemalloc.start()
    try:
        found = read_torch_file(pickled(tmp_path / "x.pth", content))
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()
    assert [len(each) for each in found[2:]] == [2000] + 1999 * [0]


def test_few_layers_share_a_storage_and_not_hundreds(tmp_path):
    weights = torch.arange(1000.0)
    torch.save({str(number): weights[:] for number in range(8)}, tmp_path / "few.pth")
    assert all(np.array_equal(value, weights) for value in read_torch_file(tmp_path / "few.pth").values())
    torch.save({str(number): weights[:] for number in range(300)}, tmp_path / "many.pth")
    with pytest.raises(ValueError, match="repeat a storage too often"):
        read_torch_file(tmp_path / "many.pth")
