"""A look at each photo: its size, a thumbnail, a hash of its contents, and what is wrong with it.

Looks can be stored in a file. A photo whose file size and times have not changed is then not read again.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import time
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

from jaxsr.data.sources import Photo
from jaxsr.errors import InputError
from jaxsr.files import replacing
from jaxsr.imaging.broken import reason
from jaxsr.imaging.photo import by_pillow, read_photo, to_rgb, upright_size
from jaxsr.imaging.picture import open_picture

SIDE = 16
# A JPEG gives a thumbnail at an eighth of the work; other formats must be decoded completely.
_QUICK_PIXELS = 2**20
# A file that is rewritten within one tick of its file system's clock may keep its times.
_TICK = 2 * 10**9
_FIELDS = ("problem", "note", "size", "digest", "whole")
_VERSION = 3
_HAS_ALPHA = "has an alpha channel: trained on as it looks on white"
_TRANSPARENT = "is partly transparent: trained on as it looks on white"


@dataclasses.dataclass(frozen=True, eq=False)
class Look:
    """What is known about a photo.

    Attributes:
      size: (height, width) of the upright photo; None if it is unreadable.
      thumbnail: [16, 16, 3] uint8; None if only the header was read.
      digest: hash of the file's bytes, hexadecimal; None if the file cannot be opened.
      problem: why the photo cannot be used; None if it can.
      note: a remark on a usable photo.
      whole: whether the photo was decoded completely.
    """

    size: tuple[int, int] | None = None
    thumbnail: np.ndarray | None = None
    digest: str | None = None
    problem: str | None = None
    note: str | None = None
    whole: bool = False


def look_at(photos: Sequence[Photo], *, full: bool | Sequence[bool] = False, kept: Path | None = None) -> list[Look]:
    """Look at each photo, with a progress bar.

    Args:
      photos: photos from files or records.
      full: decode photos completely, all or each. Otherwise JPEGs are decoded at a reduced size, and only the headers
        of other photos above a million pixels are decoded. All bytes are read for the hash in both cases.
      kept: file that stores the looks at files; it is read first and written afterwards. None stores nothing.
    """
    known, began = _read(kept) if kept else {}, time.time_ns()
    marks, paths = [_mark(photo) for photo in photos], [os.path.abspath(photo.name) for photo in photos]

    def look(photo, path, mark, full):
        then, earlier = known.get(path, (None, None))
        return earlier if mark and then == mark and (earlier.whole or not full) else _look(photo, full=full)

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        each = threads.map(look, photos, paths, marks, np.broadcast_to(full, len(photos)).tolist())
        looks = list(tqdm(each, "Checking photos", len(photos), unit="photo", delay=1, leave=False))
    if kept:
        # A problem may have been the disk's, so such a file is read again.
        settled = {
            path: (mark, look)
            for path, mark, look in zip(paths, marks, looks, strict=True)
            if mark and max(mark[1:]) < began - _TICK and not look.problem
        }
        if settled != known:
            # Without the file, photos are only read again. A full disk is reported where it matters.
            with contextlib.suppress(OSError):
                _write(kept, settled)
    return looks


def digest_of(photo: Photo) -> str:
    """The hash of a photo's bytes, as in `Look`; raises `OSError` if they cannot be read."""
    return _digest(photo.file())


def _digest(file):
    if isinstance(file, Path):
        with file.open("rb") as opened:
            return _digest(opened)
    found = hashlib.file_digest(file, "sha256").hexdigest()[:32]
    file.seek(0)
    return found


def _look(photo, *, full):
    file = photo.file()
    try:
        digest = _digest(file)
    except OSError as error:
        return Look(problem=f"unreadable: {reason(error)}")
    try:
        look = by_pillow(file, lambda image: _look_by_pillow(image, digest, full))
        return look or _look_by_libvips(file, digest, full)
    except InputError as error:
        return Look(digest=digest, problem=f"unreadable: {str(error).removeprefix(f'{file}: ')}")


def _look_by_pillow(image, digest, full):
    size, alpha = upright_size(image), image.has_transparency_data
    if not full and image.format != "JPEG" and image.width * image.height > _QUICK_PIXELS:
        return Look(size, digest=digest, note=_HAS_ALPHA if alpha else None)
    if not full:
        image.draft("RGB", (4 * SIDE, 4 * SIDE))
    # Most alpha channels are fully opaque.
    opaque = not alpha or image.convert("RGBA").getchannel("A").getextrema() == (255, 255)
    upright = to_rgb(ImageOps.exif_transpose(image))
    return Look(size, _thumbnail(upright), digest, note=None if opaque else _TRANSPARENT, whole=full)


def _look_by_libvips(file, digest, full):
    picture = open_picture(file)
    note = _HAS_ALPHA if picture.opacity is not None else None
    if not full and picture.size[0] * picture.size[1] > _QUICK_PIXELS:
        return Look(picture.size, digest=digest, note=note)
    return Look(picture.size, _thumbnail(Image.fromarray(read_photo(file))), digest, note=note, whole=True)


def _thumbnail(upright):
    return np.asarray(upright.resize((SIDE, SIDE), Image.Resampling.BOX))


def _mark(photo):
    """Values that change with a file: its size, and the times of the last change of its contents and of its status."""
    path = photo.file() if photo.pixels is None and not photo.name.startswith("tfds:") else None
    try:
        status = path.stat() if isinstance(path, Path) else None
    except OSError:
        return None
    return status and (status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _read(path):
    """{name: (mark, look)}; {} if the file does not exist, is broken, or has another version."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            listed, thumbnails = json.loads(stored["looks"].tobytes()), stored["thumbnails"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return {}
    if listed["version"] != _VERSION:
        return {}
    pictures, found = iter(thumbnails), {}
    for name, mark, has_thumbnail, *values in listed["looks"]:
        fields = dict(zip(_FIELDS, values, strict=True))
        fields["size"] = fields["size"] and tuple(fields["size"])
        found[name] = (tuple(mark), Look(thumbnail=next(pictures) if has_thumbnail else None, **fields))
    return found


def _write(path, looks):
    listed = [
        [name, mark, look.thumbnail is not None, *(getattr(look, field) for field in _FIELDS)]
        for name, (mark, look) in looks.items()
    ]
    thumbnails = [look.thumbnail for _, look in looks.values() if look.thumbnail is not None]
    text = json.dumps({"version": _VERSION, "looks": listed}).encode()
    with replacing(path) as temporary:
        np.savez(
            temporary,
            looks=np.frombuffer(text, np.uint8),
            thumbnails=np.reshape(np.array(thumbnails, np.uint8), (-1, SIDE, SIDE, 3)),
        )
