"""Find photos that show the same picture: copies, and LR files of other photos.

Copies are recognised by colour thumbnails of 16×16 pixels. These survive recompression and resizing, but not cropping
or retouching.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxsr.data.looks import SIDE, Look, look_at
from jaxsr.data.pairing import bare_name
from jaxsr.data.sources import Photo, file_photos
from jaxsr.imaging.folders import find_photos

# Among the 640 photos of BSDS500, T91, Kodak, Set5, Set14 and two further sets, different photos of the same shape
# correlate by less than 0.95, and copies at half size or at JPEG quality 30 by more than 0.98.
_CORRELATION = 0.98
_LEVELS = 8.0
_ASPECT = 0.03
# Number of pairs to decode when only names and sizes say that they are pairs.
_SAMPLE = 5
_HR_NAME = re.compile(r"(^|[._-])(hr|gt|originals?|high)($|[._-])", re.IGNORECASE)


def copies(looks: Sequence[Look], *, originals: Sequence[Look] | None = None) -> dict[int, int]:
    """Find photos with the same bytes, or with similar thumbnails and shapes.

    Args:
      looks: what is known of the photos. Those without a thumbnail are compared by their bytes alone.
      originals: looks to compare with; None compares with the earlier entries of `looks`.

    Returns:
      {position of a copy in `looks`: position of its original}.
    """
    others = looks if originals is None else originals

    def comes_before(other, place):
        return originals is not None or other < place

    first = {look.digest: place for place, look in reversed(list(enumerate(others))) if look.digest}
    same = {place: first[look.digest] for place, look in enumerate(looks) if look.digest in first}
    found = {place: other for place, other in same.items() if comes_before(other, place)}
    ours, theirs = ([i for i, look in enumerate(each) if look.thumbnail is not None] for each in (looks, others))
    levels, units, aspects = _features([looks[place] for place in ours])
    other_levels, other_units, other_aspects = _features([others[place] for place in theirs])
    chunk = 1024
    for start in range(0, len(ours), chunk):
        here = slice(start, start + chunk)
        alike = units[here] @ other_units.T > _CORRELATION
        alike &= np.abs(aspects[here, None] - other_aspects) < _ASPECT
        for row, column in np.argwhere(alike):
            place, other = ours[start + row], theirs[column]
            new = place not in found and comes_before(other, place)
            if new and np.abs(levels[start + row] - other_levels[column]).mean() < _LEVELS:
                found[place] = other
    return found


def _features(looks):
    levels = np.array([look.thumbnail for look in looks], np.float32).reshape(len(looks), 3 * SIDE**2)
    contrast = levels - levels.mean(axis=1, keepdims=True)
    units = contrast / np.maximum(np.linalg.norm(contrast, axis=1, keepdims=True), 1e-6)
    return levels, units, np.log([look.size[0] / look.size[1] for look in looks])


def low_files(photos: Sequence[Photo], looks: Sequence[Look]) -> dict[int, tuple[int, int]]:
    """Find photos that are LR files of others: same name, a whole fraction of the size, and a similar thumbnail.

    If thumbnails are missing, a few of these pairs are decoded. If all of those match, the others are assumed to match.

    Records of TFDS have no names to compare and are skipped.

    Returns:
      {position: (position of HR, scale)}.
    """
    alike = defaultdict(list)
    for index, (photo, look) in enumerate(zip(photos, looks, strict=True)):
        if look.size and not photo.name.startswith("tfds:"):
            alike[bare_name(Path(photo.name).stem)].append(index)
    found, unseen = {}, {}
    for group in alike.values():
        group.sort(key=lambda index: -np.prod(looks[index].size))
        for place, index in enumerate(group):
            for other in group[:place]:
                scale = _whole_scale(looks[index].size, looks[other].size)
                pair = [looks[index], looks[other]]
                if scale and copies(pair[:1], originals=pair[1:]):
                    found.setdefault(index, (other, scale))
                elif scale and any(look.thumbnail is None for look in pair):
                    unseen.setdefault(index, (other, scale))
    unseen = {index: pair for index, pair in unseen.items() if index not in found}
    sample = list(unseen)[:: max(1, len(unseen) // _SAMPLE)][:_SAMPLE]
    decoded = look_at([photos[i] for index in sample for i in (index, unseen[index][0])], full=True)
    if all(copies([low], originals=[high]) for low, high in zip(decoded[::2], decoded[1::2], strict=True)):
        found |= unseen
    return dict(sorted(found.items()))


def pair_of_folders(high: Path, low: Path) -> tuple[Path, Path] | None:
    """The HR and LR folders that contain the two files of a pair; None if both are in one folder.

    Common subfolders are removed: for HR/a/1.png and LR/a/1x4.png, the result is HR and LR.
    """
    high, low = high.parent, low.parent
    if high == low:
        return None
    while high.name == low.name and high.parent != low.parent:
        high, low = high.parent, low.parent
    return high, low


def hr_folder_beside(folder: Path, paths: Sequence[Path]) -> Path | None:
    """Find the folder of HR photos whose LR files, by names and sizes, the photos of this folder seem to be.

    The candidates are the parent folder, and folders called HR, GT or original beside this folder and its parent.
    """
    folder = folder.absolute()
    near = [path for above in folder.parents[:2] for path in _entries(above) if _HR_NAME.search(path.name)]
    for other in [folder.parent, *near]:
        if other.is_dir() and other != folder and _all_low(paths[:_SAMPLE], other):
            return other
    return None


def low_among(paths: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Find the photos of one folder that are LR files of others in it, and pair each with its HR file."""
    photos = file_photos(paths)
    if len({bare_name(path.stem) for path in paths}) == len(paths):
        return []
    return [(paths[index], paths[other]) for index, (other, _) in low_files(photos, look_at(photos)).items()]


def _entries(folder):
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _all_low(paths, folder):
    names = defaultdict(list)
    for path in find_photos(folder, recursive=False):
        names[bare_name(path.stem)].append(path)
    low = file_photos(paths)
    for photo in low:
        highs = file_photos(names[bare_name(Path(photo.name).stem)])
        if not photo.size or not any(high.size and _whole_scale(photo.size, high.size) for high in highs):
            return False
    return True


def _whole_scale(low, high):
    """The scale between two sizes, from 2 to 8; None if it is not whole. HR may have a few pixels more."""
    scales = [scale for scale in range(2, 9) if tuple(side // scale for side in high) == tuple(low)]
    return scales[0] if scales else None
