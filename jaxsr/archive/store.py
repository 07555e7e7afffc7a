"""Folders on this machine, or anywhere that pyarrow or fsspec can reach."""

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
    """A folder. The place of a file is its path within the folder.

    Attributes:
      name: the path or URI of the folder, as it was given.
      root: path of the folder in its file system; an absolute path if it is on this machine.
      remote: the file system; None for this machine's own.
    """

    name: str
    root: str
    remote: fs.FileSystem | None

    @property
    def everywhere(self) -> str:
        """A name that opens the folder from any working directory and on any machine."""
        return self.root if self.remote is None else self.name

    def label(self, place: Path) -> Path | str:
        """The name of a file as shown to the user: a path or a URI."""
        if self.remote is None:
            return Path(self.name, place)
        # pyarrow's URIs can end in options, such as ?region=…, which are not part of the path; fsspec's cannot.
        uri, mark, options = (self.name, "", "") if "?" in self.root else self.name.partition("?")
        return f"{uri.rstrip('/')}/{place}{mark}{options}"

    def path(self, place: Path) -> str:
        """The path of a file in the file system."""
        return f"{self.root.rstrip('/')}/{place}" if self.root else str(place)

    def key(self) -> Path:
        """A path that is equal for all names of the same folder."""
        kind = "" if self.remote is None else f"{self.remote.type_name}:"
        return Path(f"{kind}/{self.root.strip('/')}")


def open_store(name: str) -> Store:
    """Open a folder by a path, or by a URI that pyarrow (file, s3, gs, hdfs, abfs) or fsspec knows.

    The folder need not exist.

    Raises:
      InputError: neither knows the URI, or a package for it is missing.
      OSError: the file system cannot be reached.
    """
    if "://" not in name:
        return Store(name, os.path.abspath(name), None)
    try:
        remote, root = fs.FileSystem.from_uri(name)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        remote, root = _by_fsspec(name)
    except UnicodeEncodeError as error:
        raise InputError(f"{name!r}: a URI has letters of UTF-8 only; write others as %XX") from error
    return Store(root, root, None) if isinstance(remote, fs.LocalFileSystem) else Store(name, root, remote)


def _by_fsspec(name):
    try:
        remote, root = fsspec.core.url_to_fs(name)
    # Each of fsspec's file systems raises its own errors.
    except Exception as error:
        raise InputError(f"{name}: cannot be opened ({error})") from error
    return fs.PyFileSystem(fs.FSSpecHandler(remote)), root


def find_pictures(store: Store, *, recursive: bool = False, apart_from: Store | None = None) -> list[Path]:
    """The sorted places of a folder's pictures, recognised by suffix. Hidden files and folders are left out.

    Args:
      store: the folder.
      recursive: search its subfolders too.
      apart_from: a subfolder to leave out.

    Raises:
      InputError: the folder does not exist or has no pictures.
      OSError: the folder cannot be listed.
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


def existing_places(store: Store, places: Iterable[Path]) -> set[Path]:
    """The places at which a file exists."""
    if store.remote is None:
        return {place for place in places if os.path.lexists(store.path(place))}
    return set(places) & set(_list(store, recursive=True))


def exists(store: Store, place: Path) -> bool:
    """Whether a file exists at a place."""
    if store.remote is None:
        return os.path.lexists(store.path(place))
    return store.remote.get_file_info(store.path(place)).type == fs.FileType.File


def _list(store, *, recursive):
    """The places of all files of a remote folder."""
    selector = fs.FileSelector(store.root, recursive=recursive, allow_not_found=True)
    files = (info.path for info in store.remote.get_file_info(selector) if info.type == fs.FileType.File)
    return [Path(path.removeprefix(store.root).lstrip("/")) for path in files]
