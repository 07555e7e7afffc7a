"""Sources of photos: folders, TFDS sets and the bundled samples, all as one kind of sequence."""

import dataclasses
import io
import os
import re
import socket
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np

from jaxsr.errors import InputError
from jaxsr.imaging.folders import find_photos
from jaxsr.imaging.photo import PHOTO_SUFFIXES, photo_size, read_photo

SAMPLES = Path(__file__).parent.parent / "samples"

_TFDS_NAME = re.compile(r"tfds:(?P<builder>[\w./-]+(:(\d+|\*)\.(\d+|\*)\.(\d+|\*))?)(:(?P<split>.+))?")


@dataclasses.dataclass(frozen=True, eq=False)
class Photo:
    """A photo that is opened when it is needed.

    Attributes:
      name: its path, or `tfds:SET:SPLIT#INDEX`.
      file: returns a path or an open binary file to decode.
      size: (height, width); None if it is unknown without decoding.
      pixels: [H, W, 3] uint8 if the photo is kept in memory; None otherwise.
      low: its LR picture if that is a separate file; None otherwise.
      digest: hash of its bytes (see `jaxsr.data.looks`); None if unknown.
    """

    name: str
    file: Callable[[], Path | BinaryIO]
    size: tuple[int, int] | None = None
    pixels: np.ndarray | None = None
    low: "Photo | None" = None
    digest: str | None = None

    def read(self) -> np.ndarray:
        """Decode to [H, W, 3] uint8; raises the errors of `read_photo`."""
        return read_photo(self.file(), name=self.name) if self.pixels is None else self.pixels


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """A sequence of photos: `source[i]` decodes the i-th to [H, W, 3] uint8."""

    photos: tuple[Photo, ...]

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, index: int) -> np.ndarray:
        return self.photos[index].read()

    @property
    def names(self) -> list[str]:
        """The name of each photo."""
        return [photo.name for photo in self.photos]

    @property
    def sizes(self) -> list[tuple[int, int] | None]:
        """(height, width) of each photo; None if unknown."""
        return [photo.size for photo in self.photos]


def open_source(
    names: Sequence[str], *, tfds_directory: str | os.PathLike | None = None, headers: bool = True
) -> Source:
    """Open one or several sources as one.

    Args:
      names: each is a folder (read with its subfolders, including linked ones), `samples` for the photos that come
        with jaxsr, or `tfds:SET`, `tfds:SET/CONFIG`, `tfds:SET/CONFIG:SPLIT` for a set of TensorFlow Datasets, which is
        downloaded on first use. SPLIT defaults to train and takes slices such as `train[:10%]`.
      tfds_directory: where TFDS keeps its sets; by default `$TFDS_DATA_DIR` or `~/tensorflow_datasets`.
      headers: read the sizes of files from their headers. Without it, sizes stay unknown and no file is opened.

    Raises:
      InputError: a folder does not exist or has no photos; or a TFDS set is unknown, has no images, cannot be
        downloaded, or needs TensorFlow and it is not installed.
    """
    photos = []
    for name in map(str, names):
        if name.startswith("tfds:"):
            photos += _tfds_photos(name, tfds_directory)
        elif name == "samples":
            photos += file_photos(find_photos(SAMPLES, recursive=False), headers=headers)
        else:
            paths = find_photos(name, follow=True)
            if not paths:
                raise InputError(f"{name}: no photos in this folder ({', '.join(sorted(PHOTO_SUFFIXES))})")
            photos += file_photos(paths, headers=headers)
    if not photos:
        raise InputError("no photos were named; give a folder, tfds:SET or samples")
    return Source(tuple(photos))


def file_photos(paths: Sequence[Path], *, headers: bool = True) -> list[Photo]:
    """Make photos of files; `headers` is as for `open_source`."""
    with ThreadPoolExecutor() as threads:
        sizes = threads.map(_size_if_readable, paths) if headers else [None] * len(paths)
        return [Photo(str(path), partial(Path, path), size) for path, size in zip(paths, sizes, strict=True)]


def _size_if_readable(path):
    try:
        return photo_size(path)
    except InputError:
        return None


def _tfds_photos(name, directory):
    matched = _TFDS_NAME.fullmatch(name)
    if matched is None:
        raise InputError(f"{name}: write tfds:SET, tfds:SET/CONFIG or tfds:SET/CONFIG:SPLIT")
    from tensorflow_datasets import decode

    builder = _tfds_builder(name, matched["builder"], directory)
    feature = _image_feature(name, builder.info.features)
    _prepare(name, builder)
    split = matched["split"] or "train"
    try:
        # Not decoded, so that the code that reads files reads these too, and headers are cheap.
        records = builder.as_data_source(split=split, decoders={feature: decode.SkipDecoding()})
    except (ValueError, KeyError) as error:
        raise InputError(f"{name}: no split {split!r}; it has {', '.join(builder.info.splits)}") from error
    return [Photo(f"{name}#{index}", partial(_record_file, records, feature, index)) for index in range(len(records))]


def _record_file(records, feature, index):
    return io.BytesIO(records[index][feature])


def _tfds_builder(name, builder_name, directory):
    import tensorflow_datasets as tfds

    try:
        return tfds.builder(builder_name, file_format="array_record", data_dir=directory)
    except tfds.core.DatasetNotFoundError as error:
        raise InputError(f"{name}: TFDS has no set of this name") from error
    except ModuleNotFoundError as error:
        raise _missing_module(name, error) from error
    except (ValueError, AssertionError) as error:
        configs = tfds.builder_cls(re.split("[/:]", builder_name)[0]).builder_configs
        known = f"configurations: {', '.join(configs)}" if configs else "this set has no configurations"
        raise InputError(f"{name}: no such configuration or version; {known}") from error


def _prepare(name, builder):
    import tensorflow_datasets as tfds

    if not builder.is_prepared():
        _require_network(name, builder.url_infos or ())
    try:
        builder.download_and_prepare()
    except ModuleNotFoundError as error:
        raise _missing_module(name, error) from error
    except (OSError, ValueError, AssertionError, tfds.download.DownloadError) as error:
        raise InputError(f"{name}: TFDS could not prepare it ({' '.join(str(error).split())[:300]})") from error


def _missing_module(name, error):
    # TFDS raises the error again, with a longer message and without its `name`.
    if "No module named 'tensorflow" in str(error):
        return InputError(f'{name} needs TensorFlow: pip install "jaxsr[tensorflow]"')
    return InputError(f"{name}: TFDS lacks a Python package to prepare it ({error})")


def _require_network(name, urls):
    # TFDS itself tries for minutes before it gives up. Behind a proxy, a name that does not resolve means nothing.
    host = next((urllib.parse.urlparse(url).hostname for url in urls), None)
    if host is None or urllib.request.getproxies():
        return
    try:
        socket.getaddrinfo(host, 443)
    except OSError as error:
        raise InputError(f"{name} must be downloaded, and {host} cannot be reached; check the network") from error


def _image_feature(name, features):
    from tensorflow_datasets.core.features import Image

    # TFDS packs float images into the bytes of RGBA pictures, so only integer images count.
    images = [
        key
        for key, feature in features.items()
        if isinstance(feature, Image) and np.dtype(feature.np_dtype).kind == "u"
    ]
    for key in ("hr", "image", *images[:1]):
        if key in images:
            return key
    raise InputError(f"{name} has no image feature; it has {', '.join(features)}")
