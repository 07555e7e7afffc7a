"""The photos of a run, identified by their contents: their names and folders may change, their pixels may not."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxsr.data.looks import digest_of
from jaxsr.data.sources import Source


class Named(NamedTuple):
    """A photo.

    Attributes:
      name: its path, or another name.
      digest: hash of its contents, combined with that of its LR file if it has one.
    """

    name: str
    digest: str


def training_photos(source: Source) -> list[Named]:
    """The photos of a source, in their order.

    Raises:
      OSError: a photo that has no digest yet cannot be read.
    """
    return [
        Named(photo.name, _joined(each.digest or digest_of(each) for each in (photo, photo.low) if each is not None))
        for photo in source.photos
    ]


def validation_photos(photos: Mapping[str, np.ndarray], low: Mapping[str, np.ndarray]) -> list[Named]:
    """The photos of {name: uint8 [H, W, …]}, each combined with its LR of the same name in `low` if there is one."""
    return [Named(name, _joined(map(_of_pixels, (photos[name], low.get(name))))) for name in photos]


def summary(photos: Sequence[Named]) -> dict[str, Any]:
    """{"count", "fingerprint"}. Fingerprints are equal only for the same contents in the same order."""
    return {"count": len(photos), "fingerprint": _joined(photo.digest for photo in photos)[:16]}


def difference(theirs: Sequence[Named], ours: Sequence[Named]) -> str | None:
    """How two lists of photos differ, in words, or None if they have the same contents in the same order."""
    theirs, ours = [Named(*photo) for photo in theirs], [Named(*photo) for photo in ours]
    if [photo.digest for photo in theirs] == [photo.digest for photo in ours]:
        return None
    gone, new = _lacking(theirs, ours), _lacking(ours, theirs)
    changed = gone & new
    parts = [
        _part(changed, "has", "have", "other contents"),
        _part(gone - changed, "is", "are", "missing"),
        _part(new - changed, "is", "are", "new"),
    ]
    return ", ".join(filter(None, parts)) or "they are in another order"


def _lacking(photos, others):
    """The file names of the photos whose contents the others lack, each as often as it is lacking."""
    left, names = Counter(photo.digest for photo in others), []
    for photo in photos:
        left[photo.digest] -= 1
        # Copies have the same contents and names of their own.
        if left[photo.digest] < 0:
            names.append(Path(photo.name).name)
    return Counter(names)


def _part(counted, one, many, what):
    names = list(counted.elements())
    if not names:
        return None
    listed = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    return f"{len(names)} {one if len(names) == 1 else many} {what} ({listed})"


def _of_pixels(pixels):
    if pixels is None:
        return "none"
    return hashlib.sha256(json.dumps(pixels.shape).encode() + np.ascontiguousarray(pixels).tobytes()).hexdigest()


def _joined(digests):
    digests = list(digests)
    return digests[0] if len(digests) == 1 else hashlib.sha256(" ".join(digests).encode()).hexdigest()[:32]
