"""Upscalers: functions from a picture to a larger picture."""

import math
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from PIL import Image

from jaxsr.errors import InputError
from jaxsr.imaging.picture import open_picture, warn_of_notes
from jaxsr.imaging.strips import Rows
from jaxsr.upscaling.arrays import arrays_of, checked_array, pillow_image
from jaxsr.upscaling.choice import AnyPicture, Choice, choose_for
from jaxsr.upscaling.size import checked_size
from jaxsr.upscaling.tiling import Progress, Strips, joined
from jaxsr.upscaling.transparency import transparent_strips


@dataclass(frozen=True, eq=False, repr=False)
class AnyUpscaler(ABC):
    """A function from a picture to the same kind of picture, `scale` times as large: `upscaler(picture)`.

    Attributes:
      name: the name or file that it was loaded from.
      scale: output pixels per input pixel on both axes.
      card: what is known about the network; {} for an interpolation, and where the network depends on the picture.
    """

    name: str
    scale: float
    card: dict[str, Any]

    @abstractmethod
    def fitting(self, image: AnyPicture, *, to: tuple[int, int] | None = None) -> "tuple[Upscaler, Choice | None]":
        """The upscaler for a picture, and which network was chosen and why; None if it is the one that was named.

        Args:
          image: the picture.
          to: (height, width) of the result; None for `scale` times that of the picture.

        Raises:
          InputError: the picture cannot be read.
        """

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
          or a path, a PIL image: L for gray, RGB for colour, LA or RGBA with transparency, I;16 for PIL images of the
          modes I;16 and I, and F for those of mode F. The colour profile of a file is converted to sRGB; a PIL image
          keeps its profile.

        Raises:
          InputError: the image is empty, unreadable or of an unsupported kind, or has values outside the range; the
            size is not two whole numbers of at least 1; or the result would have no pixels.
        """
        to = None if size is None else checked_size(size)
        if isinstance(image, str | os.PathLike):
            picture = open_picture(image)
            warn_of_notes(picture)
            opacity = picture.opacity_rows if picture.opacity is not None else None
            return pillow_image(self._upscaled(picture, picture.rows, opacity, picture.size, to, progress))
        if isinstance(image, Image.Image):
            colours, opacity = arrays_of(image)
            rows = [None if array is None else _rows(array) for array in (colours, opacity)]
            return pillow_image(self._upscaled(image, *rows, colours.shape[:2], to, progress), like=image)
        array = checked_array(image)
        batch = array if array.ndim == 4 else array[None]
        results = [self._upscaled(one, _rows(one), None, one.shape[:2], to, progress) for one in batch]
        return np.stack(results) if array.ndim == 4 else results[0]

    def _upscaled(self, image, rows, opacity, size, to, progress):
        if min(size) < 1:
            raise InputError(f"the image is empty: its size is {size[1]} × {size[0]}")
        upscaler, _ = self.fitting(image, to=to)
        to = to or upscaler.target(size)
        return joined(upscaler.upscale_strips(rows, opacity=opacity, size=size, to=to, progress=progress), to[0])


@dataclass(frozen=True, eq=False, repr=False)
class Upscaler(AnyUpscaler):
    """An upscaler with one network, or an interpolation.

    Attributes:
      description: a description of the network or interpolation.
      strips: as `upscale_strips` without opacity, but with all arguments by position.
      choice: this network and why it was taken in place of the one that was named; None if it is that one.
    """

    description: str
    strips: Strips
    choice: Choice | None = None

    def upscale_strips(
        self,
        rows: Rows,
        *,
        opacity: Rows | None = None,
        size: tuple[int, int],
        to: tuple[int, int] | None = None,
        progress: Progress | None = None,
    ) -> Iterator[np.ndarray]:
        """Upscale an image of any size, in memory that does not grow with its height.

        Args:
          rows: `rows(top, bottom)` returns these rows, [bottom − top, W] gray or [bottom − top, W, 3] RGB, uint8 or
            float32 in [0, 1]. Over the calls, the top never decreases.
          opacity: as `rows`, of the opacity, [bottom − top, W] float32 in [0, 1]; None without transparency.
          size: (height, width) of the image.
          to: (height, width) of the result; None for `self.target(size)`.
          progress: called after each tile with the number of tiles done and of all tiles.

        Yields:
          [h, to[1]] or [h, to[1], 3] of the same dtype, from top to bottom; with opacity as `transparent_strips`.
        """
        to = to or self.target(size)
        if opacity is None:
            return self.strips(rows, size, to, progress)
        return transparent_strips(self.strips, rows, opacity, size=size, to=to, progress=progress)

    def target(self, size: tuple[int, int]) -> tuple[int, int]:
        """(height, width) of the result for an image of `size`, (height, width), rounded up as by `imresize`.

        Raises:
          InputError: the result would have no pixels.
        """
        height, width = (math.ceil(round(length * self.scale, 9)) for length in size)
        if min(height, width) < 1:
            raise InputError(f"scale {self.scale:g}: nothing is left of a picture of {size[1]} × {size[0]} pixels")
        return height, width

    def fitting(self, image: Any, *, to: tuple[int, int] | None = None) -> "tuple[Upscaler, Choice | None]":
        """This upscaler, whatever the picture and size."""
        return self, self.choice

    def __repr__(self) -> str:
        return f"Upscaler({self.name!r}: ×{self.scale:g}, {self.description})"


@dataclass(frozen=True, eq=False, repr=False)
class AutomaticUpscaler(AnyUpscaler):
    """An upscaler that uses the network chosen by `jaxsr.upscaling.choice.choose` for each picture.

    Each network is loaded when it is first needed. Of a batch, each image has its own.

    Attributes:
      open: returns the upscaler of a bundled name, the same object each time.
      sharp: whether to choose among SRGANs instead of SRResNets.
    """

    open: Callable[[str], Upscaler]
    sharp: bool

    def fitting(self, image: AnyPicture, *, to: tuple[int, int] | None = None) -> tuple[Upscaler, Choice]:
        """The upscaler that is chosen for a picture, and the reason; see `AnyUpscaler.fitting`."""
        choice = choose_for(image, sharp=self.sharp, scale=self.scale, to=to)
        return self.open(choice.model), choice

    def __repr__(self) -> str:
        kind = "sharp" if self.sharp else "faithful"
        return f"AutomaticUpscaler(×{self.scale:g}, {kind}, chosen for each picture)"


def _rows(image):
    return lambda top, bottom: image[top:bottom]
