"""Upscales all pictures of a file: repeated frames only once, and each page on its own."""

import os
from collections.abc import Callable

from jaxsr.imaging.frames import Frames, repeats
from jaxsr.imaging.picture import Picture
from jaxsr.imaging.raw import Raw
from jaxsr.upscaling.tiling import Progress

_BLOCK = 2**22
# From a picture, the pixels to append its result to, and a callback for progress, to the pixels of the result.
Compute = Callable[[Picture, Raw | None, Progress | None], Raw]


def upscale_frames(compute: Compute, frames: Frames, *, progress: Progress | None = None) -> list[Raw]:
    """Upscale the frames of an animation or the pages of a file.

    Progress is told as if each picture had as many tiles as the current one.

    Returns:
      For an animation one `Raw`, with the frames one below the other; for pages one `Raw` each.
    """
    first = repeats(frames.pictures) if frames.kind == "animation" else list(range(len(frames.pictures)))
    to_compute = sorted(set(first))
    raws: list[Raw] = []
    try:
        for number, picture in enumerate(frames.pictures):
            above = raws[0] if raws and frames.kind == "animation" else None
            if first[number] == number:
                raw = compute(picture, above, _of_all(progress, to_compute.index(number), len(to_compute)))
            else:
                raw = _repeated(above, first[number], number)
            raws = [*raws, raw] if frames.kind == "pages" else [raw]
    except BaseException:
        for raw in raws:
            raw.file.close()
        raise
    return raws


def _of_all(progress, number, count):
    if progress is None:
        return None
    return lambda done, total: progress(number * total + done, count * total)


def _repeated(above, first, count):
    """The `count` frames in `above`, with a copy of frame `first` appended."""
    height, width = above.size
    length = above.length // count
    for at in range(first * length, (first + 1) * length, _BLOCK):
        above.file.write(os.pread(above.file.fileno(), min(_BLOCK, (first + 1) * length - at), at))
    above.file.flush()
    return Raw(above.file, (height + height // count, width), above.bands, above.format)
