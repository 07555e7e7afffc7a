"""Files to and from stores, whole or not at all."""

import contextlib
import os
import secrets
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from pyarrow import fs

from jaxsr.archive.store import Store
from jaxsr.files import abandoned_names
from jaxsr.upscaling.plan import require_writable


def fetch(store: Store, place: Path, to: Path) -> None:
    """Copy a file of a remote folder to this machine.

    Raises:
      OSError: it is not there, or cannot be read.
    """
    fs.copy_files(
        store.path(place),
        str(to),
        source_filesystem=store.remote,
        destination_filesystem=fs.LocalFileSystem(),
        use_threads=False,
    )


def put(store: Store, file: Path, place: Path) -> None:
    """Copy a file of this machine to a remote folder, where it appears whole or not at all.

    Raises:
      OSError: it cannot be written.
    """
    target = PurePosixPath(store.path(place))
    # Of the form that `replacing` gives, so that what a killed process leaves is known for it.
    temporary = str(target.with_name(f".{target.stem}.{secrets.token_hex(4)}.partial{target.suffix}"))
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
    """Find out, before hours of work, whether results have a place in a folder, which need not exist.

    Raises:
      InputError: they have none on this machine.
      OSError: a small file cannot be written, and deleted, in a remote one.
    """
    if store.remote is None:
        require_writable(Path(store.root))
        return
    probe = store.path(Path(f".jaxsr-{secrets.token_hex(4)}"))
    store.remote.create_dir(store.root, recursive=True)
    with store.remote.open_output_stream(probe) as stream:
        stream.write(b"?")
    store.remote.delete_file(probe)


def clear_abandoned(store: Store, places: Iterable[Path]) -> None:
    """Delete the temporary files of killed processes that were writing these places, which nobody writes now."""
    patterns = defaultdict(list)
    for place in places:
        patterns[os.path.dirname(store.path(place))].append(abandoned_names(place))
    for folder, of_folder in patterns.items():
        for name in _names(store, folder):
            if ".partial" in name and any(pattern.fullmatch(name) for pattern in of_folder):
                _delete(store, f"{folder}/{name}")


def _names(store, folder):
    if store.remote is None:
        return os.listdir(folder)
    selector = fs.FileSelector(folder, allow_not_found=True)
    return [info.base_name for info in store.remote.get_file_info(selector)]


def _delete(store, path):
    # Someone may have been quicker.
    with contextlib.suppress(FileNotFoundError):
        if store.remote is None:
            os.unlink(path)
        else:
            store.remote.delete_file(path)
