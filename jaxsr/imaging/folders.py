"""Finds the photos in a folder."""

import os
import warnings
from collections.abc import Collection
from pathlib import Path

from jaxsr.errors import InputError
from jaxsr.imaging.photo import PHOTO_SUFFIXES


def find_photos(
    directory: str | os.PathLike,
    *,
    recursive: bool = True,
    follow: bool = False,
    apart_from: str | os.PathLike | None = None,
    suffixes: Collection[str] = PHOTO_SUFFIXES,
) -> list[Path]:
    """The photos in a folder, sorted. They are found by suffix, in upper or lower case; hidden files are left out.

    Links to files are followed. A warning names each folder that cannot be read. With `recursive`, a warning also names
    each link that leads nowhere, and each linked folder that is not followed, unless it was searched anyway.

    Args:
      directory: the folder.
      recursive: whether to search subfolders; hidden ones are left out.
      follow: whether to search linked folders; each folder is searched once, however many links lead to it.
      apart_from: a subfolder to leave out.
      suffixes: suffixes of photos, in lower case.

    Raises:
      InputError: the folder does not exist, or is a file.
    """
    directory = Path(directory)
    if not directory.exists():
        raise InputError(f"{directory}: no such folder")
    if not directory.is_dir():
        raise InputError(f"{directory} is a file; name the folder that holds the photos")
    left_out = apart_from and os.path.realpath(apart_from)
    found, links, visited = _walked(directory, recursive, left_out, set())
    while links:
        link = links.pop(0)
        if _identity(link) in visited:
            continue
        if follow:
            more, further, visited = _walked(link, recursive, left_out, visited)
            found, links = found + more, links + further
        else:
            warnings.warn(f"{link}: a link to a folder, which is not followed; name the folder itself", stacklevel=2)
    photos = []
    for path in found:
        if path.suffix.lower() in suffixes:
            photos.append(path)
        elif recursive and os.path.islink(path) and not os.path.exists(path):
            warnings.warn(f"{path}: a link that leads nowhere is left out", stacklevel=2)
    return sorted(photos)


def _walked(directory, recursive, left_out, visited):
    """The files of a tree, its links to folders, and the identities of all folders visited so far."""
    files, links, visited = [], [], set(visited)
    for folder, subfolders, names in os.walk(directory, onerror=_warn_of_folder):
        identity = _identity(folder)
        if identity in visited:
            subfolders.clear()
            continue
        visited.add(identity)
        shown = [Path(folder, name) for name in sorted(subfolders) if recursive and not name.startswith(".")]
        shown = [path for path in shown if os.path.realpath(path) != left_out]
        links += [path for path in shown if os.path.islink(path)]
        subfolders[:] = [path.name for path in shown if not os.path.islink(path)]
        files += [Path(folder, name) for name in names if not name.startswith(".")]
    return files, links, visited


def _identity(folder):
    status = os.stat(folder)
    return status.st_dev, status.st_ino


def _warn_of_folder(error):
    warnings.warn(f"{error.filename}: {error.strerror}; the photos in this folder are left out", stacklevel=3)
