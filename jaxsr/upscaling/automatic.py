"""An upscaler that examines each picture and chooses the network that fits it."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, overload

import numpy as np
from PIL import Image

from jaxsr.errors import InputError
from jaxsr.imaging.picture import Picture
from jaxsr.upscaling.arrays import checked_array
from jaxsr.upscaling.choice import FAITHFUL, SHARP, Choice, choose_for, of_scale
from jaxsr.upscaling.size import checked_size
from jaxsr.upscaling.upscaler import Progress, Upscaler
from jaxsr.upscaling.upscaler import load as load_named

AUTOMATIC = "auto"


@dataclass(eq=False, repr=False)
class AutomaticUpscaler:
    """An `Upscaler` that uses the network chosen by `jaxsr.upscaling.choice.choose` for each picture.

    Each network is loaded when it is first needed.

    Attributes:
      open: returns the upscaler of a bundled name, the same object each time.
      sharp: whether to choose among SRGANs instead of SRResNets.
      scale: output pixels per input pixel on both axes.
      name: the name that it was loaded by.
      card: {}, because the network depends on the picture.
    """

    open: Callable[[str], Upscaler]
    sharp: bool
    scale: float
    name: str = "auto"
    card: dict[str, Any] = field(default_factory=dict)

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
        """Upscale as `Upscaler` does, with the same arguments and errors; a network is chosen per image of a batch."""
        if not isinstance(image, Image.Image | str | os.PathLike):
            image = checked_array(image)
        if isinstance(image, np.ndarray) and image.ndim == 4:
            return np.stack([self(one, size=size, progress=progress) for one in image])
        upscaler, _ = self.fitting(image, to=None if size is None else checked_size(size))
        return upscaler(image, size=size, progress=progress)

    def fitting(
        self, image: Picture | Image.Image | np.ndarray | str | os.PathLike, *, to: tuple[int, int] | None = None
    ) -> tuple[Upscaler, Choice]:
        """The upscaler that is chosen for a picture, and the reason.

        Args:
          image: the picture.
          to: (height, width) of the result; None for `scale` times that of the picture.

        Raises:
          InputError: the picture cannot be read.
        """
        choice = choose_for(image, sharp=self.sharp, scale=self.scale, to=to)
        return self.open(choice.model), choice

    def __repr__(self) -> str:
        kind = "sharp" if self.sharp else "faithful"
        return f"AutomaticUpscaler(×{self.scale:g}, {kind}, chosen for each picture)"


def load(
    name_or_path: str | os.PathLike = AUTOMATIC,
    *,
    sharp: bool = False,
    scale: float | None = None,
    strength: float | None = None,
    base: str | os.PathLike | None = None,
    **options: Any,
) -> AutomaticUpscaler | Upscaler:
    """Load an upscaler.

    Args:
      name_or_path: "auto" to choose the bundled network that fits each picture (see `jaxsr.upscaling.choice.choose`).
        Or any argument of `jaxsr.upscaling.upscaler.load`: a bundled network ("srresnet", …), a weights file, the
        folder of a training run, or "nearest", "bilinear" or "bicubic".
      sharp: with "auto", choose an SRGAN, which is sharper and invents details. Giving `strength` has the same effect.
      scale: see `jaxsr.upscaling.upscaler.load`. With "srresnet", and where "auto" chooses it, the bundled network of
        that scale is used: "srresnet_x2" up to 2.
      strength: see `jaxsr.upscaling.upscaler.load`.
      base: see `jaxsr.upscaling.upscaler.load`; not with "auto".
      options: further options of `jaxsr.upscaling.upscaler.load`: dtype, tile, self_ensemble, color_lock and
        back_project.

    Raises:
      InputError: see `jaxsr.upscaling.upscaler.load`; or `sharp` is given with a named network, or `base` with "auto".
    """
    options |= {"scale": scale, "strength": strength}
    if name_or_path != AUTOMATIC:
        if sharp:
            raise InputError(f"sharp (--sharp) is for the model auto, not for {name_or_path}; name srgan instead")
        return _of_its_scale(name_or_path, base=base, **options)
    if base is not None:
        raise InputError("base (--base) needs a named network: give its SRGAN as the model too")
    sharp = sharp or strength is not None
    opened = cache(lambda name: load_named(name, **options))
    # Wrong options are refused now, not at the first picture.
    clean = opened((SHARP if sharp else FAITHFUL)[0])
    return AutomaticUpscaler(opened, sharp, clean.scale)


def _of_its_scale(name_or_path, *, scale, **options):
    name = of_scale(name_or_path, scale) if isinstance(name_or_path, str) and scale is not None else name_or_path
    upscaler = load_named(name, scale=scale, **options)
    if name == name_or_path:
        return upscaler
    return replace(upscaler, choice=Choice(name, f"{name_or_path} for ×{scale:g}"))
