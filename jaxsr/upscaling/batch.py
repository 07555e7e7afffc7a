"""Picture files in, picture files out."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from jaxsr.errors import InputError
from jaxsr.imaging.files import find_photos, save_image
from jaxsr.upscaling.upscaler import Upscaler

_WITH_ALPHA = (".png",)
_SUFFIXES = (".png", ".jpg", ".jpeg")


def find_inputs(inputs: Sequence[str]) -> list[Path]:
    """The pictures that are named: files as they are, of a folder the photos that lie directly in it.

    Raises:
      InputError: nothing is named, or a folder has no photos.
    """
    found = []
    for name in map(Path, inputs):
        photos = find_photos(name, recursive=False) if name.is_dir() else [name]
        if not photos:
            raise InputError(f"{name}: no photos in this folder")
        found += photos
    if not found:
        raise InputError("name at least one picture to upscale")
    return found


def name_outputs(sources: Sequence[Path], output: str, *, scale: int) -> list[Path]:
    """Where each picture's result goes.

    Args:
      sources: the pictures.
      output: for one picture, the file to write; or a folder (that exists, or is written with a slash at its end, or
        any name when there are several pictures), in which a picture NAME.jpg becomes NAME_x4.png.
      scale: the number in those names.

    Returns:
      One path per source, in .png, .jpg or .jpeg.

    Raises:
      InputError: a result would replace a source or another result, its suffix is unknown, a file is named for several
        pictures, or the folder cannot be written.
    """
    folder = output.endswith(("/", os.sep)) or Path(output).is_dir()
    named_as_file = Path(output).is_file() or Path(output).suffix.lower() in _SUFFIXES
    if not folder and len(sources) > 1 and named_as_file:
        raise InputError(f"{output}: name a folder to put the results of {len(sources)} pictures in")
    folder = folder or len(sources) > 1
    targets = [Path(output, f"{source.stem}_x{scale}.png") for source in sources] if folder else [Path(output)]
    writers = {}
    for source, target in zip(sources, targets, strict=True):
        if target.suffix.lower() not in _SUFFIXES:
            raise InputError(
                f"{target}: give the output a name in {', '.join(_SUFFIXES)}, or a folder's with / at its end"
            )
        if any(target.resolve() == other.resolve() for other in sources):
            raise InputError(f"{target}: this would replace an input; give the output another name")
        if target in writers:
            raise InputError(
                f"{target}: both {writers[target]} and {source} would be written there; upscale them apart"
            )
        writers[target] = source
    _require_writable(targets[0].parent)
    return targets


def upscale_file(
    upscaler: Upscaler, source: Path, target: Path, *, progress: Callable[[int, int], None] | None = None
) -> None:
    """Read a picture, upscale it, write it; `target` appears whole or not at all.

    Raises:
      InputError: `source` is no picture that can be upscaled, or has transparency and `target` is a JPEG.
      OSError: `target` cannot be written.
    """
    upscaled = upscaler(source, progress=progress)
    if upscaled.mode in ("LA", "RGBA") and target.suffix.lower() not in _WITH_ALPHA:
        raise InputError(f"{target}: JPEG has no transparency, which {source} has; give the output a name in .png")
    save_image(target, np.asarray(upscaled))


def _require_writable(folder):
    """Say before hours of work that their results have no place."""
    existing = next(parent for parent in (folder, *folder.resolve().parents) if parent.exists())
    if not existing.is_dir():
        raise InputError(f"{folder}: cannot be a folder, since {existing} is a file")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(f"{existing}: no permission to write in this folder")
