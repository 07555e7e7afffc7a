"""Copies of files to and from stores. A file arrives complete or not at all."""

import contextlib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from pyarrow import fs

from jaxsr.archive.store import Store
from jaxsr.errors import InputError
from jaxsr.files import ends_of, temporary_ends, temporary_name
from jaxsr.upscaling.plan import require_writable


def fetch(store: Store, place: Path, to: Path) -> None:
    """Copy a file from a remote folder to this machine.

    Raises:
      OSError: the file does not exist or cannot be read.
    """
    fs.copy_files(
        store.path(place),
        str(to),
        source_filesystem=store.remote,
        destination_filesystem=fs.LocalFileSystem(),
        use_threads=False,
    )


def put(store: Store, file: Path, place: Path) -> None:
    """Copy a file from this machine to a remote folder, where it appears complete or not at all.

    Raises:
      OSError: the file cannot be written.
    """
    assert store.remote is not None, f"{store.name} is a folder of this machine"
    target = PurePosixPath(store.path(place))
    temporary = str(target.with_name(temporary_name(target)))
    store.remote.create_dir(str(target.parent), recursive=True)
    try:
        with file.open("rb") as source, store.remote.open_output_stream(temporary) as stream:
            while chunk := source.read(2**22):
                stream.write(chunk)
        store.remote.move(temporary, str(target))
    except BaseException:
        _delete(store, temporary)
        raise


def check_writable(store: Store) -> None:
    """Check that results can be written to a folder, before hours of work. The folder need not exist.

    Raises:
      InputError: a folder on this machine cannot be written.
      OSError: a small file cannot be written to a remote folder and deleted there.
    """
    if store.remote is None:
        require_writable(Path(store.root))
        return
    probe = store.path(Path(f".jaxsr-{secrets.token_hex(4)}"))
    try:
        store.remote.create_dir(store.root, recursive=True)
        with store.remote.open_output_stream(probe) as stream:
            stream.write(b"?")
        store.remote.delete_file(probe)
    # fsspec's file systems that are read-only say so by a ValueError.
    except ValueError as error:
        raise InputError(f"{store.name}: cannot be written ({error})") from error


def clear_abandoned(store: Store, places: Iterable[Path]) -> None:
    """Delete the temporary files of killed processes that were writing these places. Nobody may be writing them now."""
    abandoned = {(os.path.dirname(store.path(place)), temporary_ends(place)) for place in places}
    for folder in {folder for folder, _ in abandoned}:
        for name in _names(store, folder):
            if (folder, ends_of(name)) in abandoned:
                _delete(store, f"{folder}/{name}")


def _names(store, folder):
    if store.remote is None:
        return os.listdir(folder) if os.path.isdir(folder) else []
    selector = fs.FileSelector(folder, allow_not_found=True)
    return [info.base_name for info in store.remote.get_file_info(selector)]


def _delete(store, path):
    # Another process may have deleted it already.
    with contextlib.suppress(FileNotFoundError):
        if store.remote is None:
            os.unlink(path)
        else:
            store.remote.delete_file(path)
