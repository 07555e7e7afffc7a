"""Folders of files: on disks of this machine, or wherever pyarrow and fsspec reach."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import fsspec
import pyarrow as pa
from pyarrow import fs

from jaxsr.errors import InputError
from jaxsr.imaging.picture import READ_SUFFIXES
from jaxsr.upscaling.plan import find_sources


@dataclass(frozen=True)
class Store:
    """A folder, whose files are known by their paths within it, their places.

    Attributes:
      name: the path or URI that it was opened by.
      root: its path in the file system, absolute for one of this machine.
      remote: the file system; None for this machine's own, whose files are used where they are.
    """

    name: str
    root: str
    remote: fs.FileSystem | None

    @property
    def everywhere(self) -> str:
        """What opens it in a process in another folder, or on another machine."""
        return self.root if self.remote is None else self.name

    def label(self, place: Path) -> Path | str:
        """What a person calls a file of it: a path, or a URI."""
        return Path(self.name, place) if self.remote is None else f"{self.name.rstrip('/')}/{place}"

    def path(self, place: Path) -> str:
        """A file's path in the file system."""
        return f"{self.root.rstrip('/')}/{place}" if self.root else str(place)

    def key(self) -> Path:
        """What two names of one folder have in common."""
        kind = "" if self.remote is None else f"{self.remote.type_name}:"
        return Path(f"{kind}/{self.root.strip('/')}")


def open_store(name: str) -> Store:
    """A folder by a path, a URI that pyarrow knows (file, s3, gs, hdfs, abfs) or one that fsspec knows.

    Whether the folder exists is not asked.

    Raises:
      InputError: neither knows the URI, or a package is missing for it.
      OSError: the file system cannot be reached.
    """
    if "://" not in name:
        return Store(name, os.path.abspath(name), None)
    try:
        remote, root = fs.FileSystem.from_uri(name)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        remote, root = _by_fsspec(name)
    return Store(root, root, None) if isinstance(remote, fs.LocalFileSystem) else Store(name, root, remote)


def _by_fsspec(name):
    try:
        remote, root = fsspec.core.url_to_fs(name)
    # Each of fsspec's many file systems has its own way to refuse.
    except Exception as error:
        raise InputError(f"{name}: cannot be opened ({error})") from error
    return fs.PyFileSystem(fs.FSSpecHandler(remote)), root


def find_pictures(store: Store, *, recursive: bool = False, apart_from: Store | None = None) -> list[Path]:
    """The places of a folder's pictures, by suffix, sorted; hidden files and folders are left out.

    Args:
      store: the folder.
      recursive: look into its subfolders too.
      apart_from: a subfolder that is left out.

    Raises:
      InputError: there is no such folder, or it has no pictures.
      OSError: it cannot be listed.
    """
    if store.remote is None:
        left_out = apart_from.root if apart_from and apart_from.remote is None else None
        if not os.path.isdir(store.root):
            why = (
                " is a file; name the folder that holds the photos"
                if os.path.exists(store.root)
                else ": no such folder"
            )
            raise InputError(f"{store.name}{why}")
        return [source.place for source in find_sources([store.root], recursive=recursive, apart_from=left_out)]
    if store.remote.get_file_info(store.root).type != fs.FileType.Directory:
        raise InputError(f"{store.name}: no such folder")
    left_out = apart_from and apart_from.key()
    places = [
        place
        for place in _list(store, recursive=recursive)
        if place.suffix.lower() in READ_SUFFIXES
        and not any(part.startswith(".") for part in place.parts)
        and not (left_out and left_out != store.key() and (store.key() / place).is_relative_to(left_out))
    ]
    if not places:
        way_out = "" if recursive else "; --recursive looks into its subfolders"
        raise InputError(f"{store.name}: no photos in this folder{way_out}")
    return sorted(places)


def existing(store: Store, places: Iterable[Path]) -> set[Path]:
    """Those of the places where there is a file."""
    if store.remote is None:
        return {place for place in places if os.path.lexists(store.path(place))}
    return set(places) & set(_list(store, recursive=True))


def exists(store: Store, place: Path) -> bool:
    """Whether there is a file at a place."""
    if store.remote is None:
        return os.path.lexists(store.path(place))
    return store.remote.get_file_info(store.path(place)).type == fs.FileType.File


def _list(store, *, recursive):
    """The places of all files."""
    selector = fs.FileSelector(store.root, recursive=recursive, allow_not_found=True)
    files = (info.path for info in store.remote.get_file_info(selector) if info.type == fs.FileType.File)
    return [Path(path.removeprefix(store.root).lstrip("/")) for path in files]
