"""Upscales a picture file to a picture file, in three stages that can overlap with those of other pictures."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from jaxsr.errors import InputError
from jaxsr.files import require_new
from jaxsr.imaging.frame_writing import check_frames, write_animation, write_pages
from jaxsr.imaging.frames import Frames, open_frames
from jaxsr.imaging.picture import Picture, open_picture, warn_of_notes
from jaxsr.imaging.png.deflate import Compression
from jaxsr.imaging.raw import write_raw
from jaxsr.imaging.writing import WRITTEN_SUFFIXES, check_target, write_picture
from jaxsr.upscaling.choice import Choice
from jaxsr.upscaling.frames import upscale_frames
from jaxsr.upscaling.loading import load
from jaxsr.upscaling.size import ResultSize
from jaxsr.upscaling.tiling import Progress
from jaxsr.upscaling.upscaler import AnyUpscaler, Upscaler


@dataclass(frozen=True)
class Stages:
    """The stages from a picture file to its upscaled file: `write(compute(read(source), target, progress), target)`.

    Each may raise `InputError` or `OSError`, in a sentence that names the file.

    Attributes:
      read: from the path of the source to the argument of `compute`.
      compute: runs the network, and calls its last argument with the number of tiles done and of all tiles.
      write: writes the result of `compute` to the target, which appears complete or not at all.
      discard: frees a result of `compute` that will not be written.
    """

    read: Callable[[Path], Any]
    compute: Callable[[Any, Path, Progress | None], Any]
    write: Callable[[Any, Path], None]
    discard: Callable[[Any], None]


class Opened(NamedTuple):
    """A picture that was read, and its upscaler.

    Attributes:
      picture: the picture, the first one of its file.
      upscaler: its upscaler.
      choice: the network that was chosen for it and why; None if it was named.
      frames: all pictures of the file; None if there is only one, or if the first is upscaled alone.
    """

    picture: Picture
    upscaler: Upscaler
    choice: Choice | None
    frames: Frames | None = None


def file_stages(
    upscaler: AnyUpscaler,
    *,
    size: ResultSize | None = None,
    quality: int = 95,
    compression: Compression = "balanced",
    salvage: bool = False,
    keep_times: bool = False,
    first_frame: bool = False,
    note: Callable[[Opened], None] = lambda opened: warn_of_notes(opened.picture),
) -> Stages:
    """The stages that upscale files with an upscaler.

    Args:
      upscaler: the network or interpolation.
      size: from (height, width) of a picture to that of its result; None for the upscaler's scale.
      quality: the quality of JPEG and WebP, 1 to 100; JPEG keeps full colour resolution.
      compression: the compression of PNG, see `jaxsr.imaging.png.writing.write_png`.
      salvage: see `jaxsr.imaging.picture.open_picture`.
      keep_times: whether each result gets the access and modification times of its source.
      first_frame: whether to upscale the first frame or page alone.
      note: called with each picture that is read, to report its notes and the chosen network.
    """

    def read(source):
        frames = None if first_frame else open_frames(source)
        picture = frames.pictures[0] if frames else open_picture(source, salvage=salvage)
        to = size(picture.size) if size else None
        opened = Opened(picture, *upscaler.fitting(picture, to=to), frames)
        note(opened)
        return opened

    def compute(opened, target, progress):
        def raw_of(picture, above, progress):
            to = size(picture.size) if size else opened.upscaler.target(picture.size)
            check_target(picture, target, size=to)
            opacity = picture.opacity_rows if picture.opacity is not None else None
            options = {"opacity": opacity, "size": picture.size, "to": to, "progress": progress}
            strips = opened.upscaler.upscale_strips(picture.rows, **options)
            return write_raw(strips, picture, target, size=to, above=above)

        if opened.frames is None:
            return opened, [raw_of(opened.picture, None, progress)]
        check_frames(opened.frames, target)
        return opened, upscale_frames(raw_of, opened.frames, progress=progress)

    def write(computed, target):
        opened, raws = computed
        if opened.frames is None:
            write_picture(target, raws[0], opened.picture, quality=quality, compression=compression)
        elif opened.frames.kind == "animation":
            write_animation(target, raws[0], opened.frames, quality=quality, compression=compression)
        else:
            write_pages(target, raws, opened.frames)
        if keep_times:
            status = opened.picture.path.stat()
            os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))

    def discard(computed):
        for raw in computed[1]:
            raw.file.close()

    return Stages(read, compute, write, discard)


def upscale_file(
    upscaler: AnyUpscaler, source: Path, target: Path, *, progress: Progress | None = None, **options: Any
) -> None:
    """Read a picture, upscale it and write it, by the stages of `file_stages`, which explains the options.

    Raises:
      InputError: `source` is not a picture that can be upscaled, or `target` cannot hold the result.
      OSError: `target` cannot be written.
    """
    stages = file_stages(upscaler, **options)
    stages.write(stages.compute(stages.read(source), target, progress), target)


def upscale(
    source: str | os.PathLike,
    target: str | os.PathLike,
    *,
    model: str | os.PathLike = "auto",
    first_frame: bool = False,
    **options: Any,
) -> None:
    """Upscale a picture file, as `jaxsr upscale` does.

    Bit depth, colour profile, EXIF, XMP, resolution, transparency and text are kept, as far as the target's format can
    hold them.

    Args:
      source: a picture in any common format.
      target: the file to write, in one of the formats of `jaxsr.imaging.writing.WRITTEN_SUFFIXES`; an existing file is
        replaced.
      model: see `load`.
      first_frame: whether to upscale the first frame or page alone. Otherwise all frames of an animation are upscaled,
        to a GIF, WebP or PNG, or all pages of a TIFF, to a TIFF.
      options: options of `load`.

    Raises:
      InputError: `source` is not a picture that can be upscaled, `target` cannot hold the result, or as for `load`.
      OSError: `target` cannot be written.
    """
    target = Path(target)
    if target.suffix.lower() not in WRITTEN_SUFFIXES:
        raise InputError(f"{target}: give the output a name in {', '.join(WRITTEN_SUFFIXES)}")
    require_new(target, source=source, overwrite=True)
    upscale_file(load(model, **options), Path(source), target, first_frame=first_frame)
