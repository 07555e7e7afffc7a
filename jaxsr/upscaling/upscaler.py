"""`load` and the `Upscaler` that it returns: a function from a picture to a larger picture."""

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, overload

import jax.numpy as jnp
import numpy as np
from PIL import Image

from jaxsr.errors import InputError
from jaxsr.imaging.picture import open_picture, warn_of_notes
from jaxsr.imaging.strips import Rows
from jaxsr.upscaling.arrays import checked_array
from jaxsr.upscaling.choice import Choice
from jaxsr.upscaling.engine import INTERPOLATIONS, Interpolation, interpolation_strips, make_network_strips
from jaxsr.upscaling.pictures import arrays_of, pillow_image
from jaxsr.upscaling.refinement import Refinement
from jaxsr.upscaling.size import checked_size
from jaxsr.upscaling.tiling import joined
from jaxsr.upscaling.transparency import transparent_strips
from jaxsr.weights.lineage import find_base, interpolated
from jaxsr.weights.opening import FOREIGN_SUFFIXES, open_weights

# Called with the number of tiles done and of all tiles.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False, repr=False)
class Upscaler:
    """A function from a picture to the same kind of picture, `scale` times as large: `upscaler(picture)`.

    Attributes:
      name: the name or file that it was loaded from.
      scale: output pixels per input pixel on both axes.
      card: what is known about the network; {} for an interpolation.
      description: a description of the network or interpolation.
      strips: as `upscale_strips`, but with all arguments by position.
      choice: this network and why it was taken in place of the one that was named; None if it is that one.
    """

    name: str
    scale: float
    card: dict[str, Any]
    description: str
    strips: Callable[[Rows, tuple[int, int], tuple[int, int], Progress | None], Iterator[np.ndarray]]
    choice: Choice | None = None

    @overload
    def __call__(
        self, image: np.ndarray, *, size: tuple[int, int] | None = None, progress: Progress | None = None
    ) -> np.ndarray: ...

    @overload
    def __call__(
        self,
        image: Image.Image | str | os.PathLike,
        *,
        size: tuple[int, int] | None = None,
        progress: Progress | None = None,
    ) -> Image.Image: ...

    def __call__(
        self,
        image: np.ndarray | Image.Image | str | os.PathLike,
        *,
        size: tuple[int, int] | None = None,
        progress: Progress | None = None,
    ) -> np.ndarray | Image.Image:
        """Upscale a picture.

        A warning gives the notes on a picture file, for example that only the first of several pictures is upscaled.

        Args:
          image: one of
            - an array [H, W, 3] RGB, [H, W] gray or [N, H, W, 3], uint8 or float in [0, 1];
            - a PIL image, which is first turned upright by its EXIF orientation;
            - the path of a picture, of which only the pixels are used; `jaxsr.upscale` keeps the rest.
          size: (height, width) of the result; None for `scale` times that of the image.
          progress: called after each tile with the number of tiles done and of all tiles (of each image of a batch).

        Returns:
          For an array, a NumPy array with the same axes: uint8 for uint8, float32 in [0, 1] for floats. For a PIL image
          or a path, a PIL image: L for gray, RGB for colour, LA or RGBA with transparency, and I;16 or F for PIL images
          of these modes. The colour profile of a file is converted to sRGB; a PIL image keeps its profile.

        Raises:
          InputError: the image is empty, unreadable or of an unsupported kind, or has values outside the range; or the
            size is not two whole numbers of at least 1.
        """
        if isinstance(image, str | os.PathLike):
            picture = open_picture(image)
            warn_of_notes(picture)
            opacity = picture.opacity_rows if picture.opacity is not None else None
            return pillow_image(self._upscale_rows(picture.rows, opacity, picture.size, size, progress))
        if isinstance(image, Image.Image):
            colours, opacity = arrays_of(image)
            rows = [None if array is None else _rows(array) for array in (colours, opacity)]
            return pillow_image(self._upscale_rows(*rows, colours.shape[:2], size, progress), like=image)
        array = checked_array(image)
        batch = array if array.ndim == 4 else array[None]
        results = [self._upscale_rows(_rows(one), None, one.shape[:2], size, progress) for one in batch]
        return np.stack(results) if array.ndim == 4 else results[0]

    def upscale_strips(
        self,
        rows: Rows,
        *,
        size: tuple[int, int],
        to: tuple[int, int] | None = None,
        progress: Progress | None = None,
    ) -> Iterator[np.ndarray]:
        """Upscale an image of any size, in memory that does not grow with its height.

        Args:
          rows: `rows(top, bottom)` returns these rows, [bottom − top, W] gray or [bottom − top, W, 3] RGB, uint8 or
            float32 in [0, 1]. Over the calls, neither end decreases.
          size: (height, width) of the image.
          to: (height, width) of the result; None for `self.target(size)`.
          progress: called after each tile with the number of tiles done and of all tiles.

        Yields:
          [h, to[1]] or [h, to[1], 3] of the same dtype, from top to bottom.
        """
        return self.strips(rows, size, to or self.target(size), progress)

    def target(self, size: tuple[int, int]) -> tuple[int, int]:
        """(height, width) of the result for an image of `size`, (height, width), rounded up as by `imresize`."""
        height, width = (math.ceil(round(length * self.scale, 9)) for length in size)
        return height, width

    def fitting(self, image: Any, *, to: tuple[int, int] | None = None) -> "tuple[Upscaler, Choice | None]":
        """This upscaler, whatever the picture and size; `AutomaticUpscaler.fitting` depends on them."""
        return self, self.choice

    def _upscale_rows(self, rows, opacity, size, to, progress):
        if min(size) < 1:
            raise InputError(f"the image is empty: its size is {size[1]} × {size[0]}")
        to = self.target(size) if to is None else checked_size(to)
        if opacity is None:
            return joined(self.upscale_strips(rows, size=size, to=to, progress=progress), to[0])
        strips = transparent_strips(self.upscale_strips, rows, opacity, size=size, to=to, progress=progress)
        return joined(strips, to[0])

    def __repr__(self) -> str:
        return f"Upscaler({self.name!r}: ×{self.scale:g}, {self.description})"


def load(
    name_or_path: str | os.PathLike,
    *,
    dtype: Any = jnp.float32,
    tile: int | None = None,
    scale: float | None = None,
    strength: float | None = None,
    base: str | os.PathLike | None = None,
    self_ensemble: bool = False,
    color_lock: bool = False,
    back_project: int = 0,
) -> Upscaler:
    """Load an upscaler by name or path.

    Args:
      name_or_path: a bundled network ("srresnet", …), a .safetensors file, the folder of a training run, or a .pth,
        .safetensors or .param file of another program (see `jaxsr.weights.opening`); or "nearest", "bilinear" or
        "bicubic".
      dtype: dtype of the network's computation, float32 or bfloat16.
      tile: side in input pixels of the tiles that larger images are divided into, which bounds the memory; None to
        choose it by the free memory.
      scale: output pixels per input pixel on both axes; None for the network's own (4 for an interpolation). For any
        other scale the network's result is resized by bicubic interpolation, as is the ×4 of an interpolation that is
        back-projected.
      strength: strength of an SRGAN, from 0 (faithful: the SRResNet that it was trained from) to 1 (sharp: the SRGAN
        itself). Parameters and batch statistics are interpolated between the two.
      base: that SRResNet, by name, file or run; None to find it by the SRGAN's card.
      self_ensemble: average over the 8 flips and turns of the picture; this takes eight times the work.
      color_lock: replace the low frequencies of the result by those of the input, against colour shifts.
      back_project: iterations that bring the bicubic reduction of the result closer to the input; 0 for none.

    Raises:
      InputError: the weights do not exist or are not a weights file of this version; the tile is too small for the
        network; the scale is not above 0; the strength is outside [0, 1] or the network has no ancestor; `base` is
        given without `strength`; or any of strength, base, self_ensemble and color_lock is given for an interpolation.
    """
    refinement = Refinement(self_ensemble, color_lock, back_project)
    if scale is not None and not (math.isfinite(scale) and scale > 0):
        raise InputError(f"scale {scale}: must be above 0")
    if isinstance(name_or_path, str) and name_or_path in INTERPOLATIONS:
        if self_ensemble or color_lock or strength is not None or base is not None:
            raise InputError(
                f"{name_or_path} is an interpolation: strength, base, self-ensemble and color-lock are for networks"
            )
        strips, name = partial(interpolation_strips, name_or_path), name_or_path
        if back_project:
            strips, _ = make_network_strips(Interpolation(name_or_path), {}, refinement, tile=tile)
            name = f"{name}, back-project {back_project}"
        return Upscaler(name, 4 if scale is None else scale, {}, "interpolation", strips)
    weights = open_weights(name_or_path, dtype=jnp.dtype(dtype))
    if base is not None and strength is None:
        raise InputError("base is the network of strength 0: give strength too")
    if strength is not None:
        weights = interpolated(find_base(weights, name_or_path, base=base), weights, strength)
    model = weights.model
    strips, tile = make_network_strips(model, weights.variables, refinement, tile=tile)
    fields = ", ".join(f"{field}={value}" for field, value in weights.card["architecture"]["fields"].items())
    kind = f"{type(model).__name__}({fields}) in {jnp.dtype(dtype).name}, tile {tile}"
    switched_on = [f"strength {strength:g}"] if strength is not None else []
    switched_on += [name.replace("_", " ") for name in ("self_ensemble", "color_lock") if getattr(refinement, name)]
    switched_on += [f"back-project {back_project}"] if back_project else []
    name = ", ".join([_name(name_or_path), *switched_on])
    return Upscaler(name, model.scale if scale is None else scale, weights.card, kind, strips)


def _name(name_or_path):
    path = Path(name_or_path)
    known = path.suffix in (".safetensors", *FOREIGN_SUFFIXES)
    return path.name.removesuffix(path.suffix).removesuffix(".pth") if known else path.name


def _rows(image):
    return lambda top, bottom: image[top:bottom]
