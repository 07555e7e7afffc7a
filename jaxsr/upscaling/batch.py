"""A picture file in, a picture file out, in three stages that those of other pictures can overlap."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jaxsr.errors import InputError
from jaxsr.imaging.files import save_image
from jaxsr.upscaling.pictures import open_picture
from jaxsr.upscaling.size import Target
from jaxsr.upscaling.upscaler import Upscaler

Progress = Callable[[int, int], None]

_WITHOUT_ALPHA = (".jpg", ".jpeg")


@dataclass(frozen=True)
class Stages:
    """From a picture file to its upscaled file, `write(compute(read(source), progress), target)`.

    Each may raise `InputError` or `OSError`, in a sentence that names the file.

    Attributes:
      read: from the path of the source to what `compute` takes.
      compute: the network; calls its second argument with the number of tiles done and of all tiles.
      write: what `compute` gives, to the target, which appears whole or not at all.
    """

    read: Callable[[Path], Any]
    compute: Callable[[Any, Progress | None], Any]
    write: Callable[[Any, Path], None]


def file_stages(upscaler: Upscaler, *, size: Target | None = None) -> Stages:
    """The stages of upscaling a file with this upscaler, to `size` of its (height, width) where that is given."""

    def read(source):
        return source, open_picture(source)

    def compute(opened, progress):
        source, picture = opened
        try:
            to = size((picture.height, picture.width)) if size else None
            return source, upscaler(picture, size=to, progress=progress)
        except InputError as error:
            raise InputError(f"{source}: {error}") from error

    def write(computed, target):
        source, upscaled = computed
        if upscaled.mode in ("LA", "RGBA") and target.suffix.lower() in _WITHOUT_ALPHA:
            raise InputError(f"{target}: JPEG has no transparency, which {source} has; give the output a name in .png")
        save_image(target, np.asarray(upscaled))

    return Stages(read, compute, write)


def upscale_file(upscaler: Upscaler, source: Path, target: Path, *, progress: Progress | None = None) -> None:
    """Read a picture, upscale it, write it; `target` appears whole or not at all.

    Raises:
      InputError: `source` is no picture that can be upscaled, or has transparency and `target` is a JPEG.
      OSError: `target` cannot be written.
    """
    stages = file_stages(upscaler)
    stages.write(stages.compute(stages.read(source), progress), target)
