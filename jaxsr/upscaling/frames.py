"""All pictures of a file upscaled: each frame that repeats once, each page by itself."""

import os
from collections.abc import Callable

from jaxsr.imaging.frames import Frames, repeats
from jaxsr.imaging.picture import Picture
from jaxsr.imaging.raw import Raw

_BLOCK = 2**22
# From a picture, what is to stand above its result, and what is told of its tiles, to the pixels of the result.
Compute = Callable[[Picture, Raw | None, Callable[[int, int], None] | None], Raw]


def upscale_frames(
    compute: Compute, frames: Frames, *, progress: Callable[[int, int], None] | None = None
) -> list[Raw]:
    """The results of an animation in one `Raw`, one below the other, or of pages in one each.

    Args:
      compute: upscales one picture.
      frames: the pictures.
      progress: called with tiles done and of all pictures, as if all had as many as the one that is computed.
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
    """`count` frames with the one of this number below them once more."""
    height, width = above.size
    length = above.length // count
    for at in range(first * length, (first + 1) * length, _BLOCK):
        above.file.write(os.pread(above.file.fileno(), min(_BLOCK, (first + 1) * length - at), at))
    above.file.flush()
    return Raw(above.file, (height + height // count, width), above.bands, above.format)
