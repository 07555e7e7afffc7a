"""An upscaler that looks at each picture and takes the network that fits it."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from jaxsr.errors import InputError
from jaxsr.imaging.picture import Picture
from jaxsr.upscaling.choice import FAITHFUL, SHARP, Choice, choose_for
from jaxsr.upscaling.upscaler import Progress, Upscaler
from jaxsr.upscaling.upscaler import load as load_named

AUTOMATIC = "auto"


@dataclass(eq=False, repr=False)
class AutomaticUpscaler:
    """As `Upscaler`, by the network that `jaxsr.upscaling.choice.choose` takes; each is loaded when first needed.

    Attributes:
      open: gives the upscaler of a bundled name, the same one each time.
      sharp: SRGANs in place of SRResNets.
      scale: output pixels per input pixel on both axes.
      name: what it was loaded by.
      card: {}, since what is known of the network depends on the picture.
    """

    open: Callable[[str], Upscaler]
    sharp: bool
    scale: float
    name: str = "auto"
    card: dict = field(default_factory=dict)

    def __call__(
        self,
        image: np.ndarray | Image.Image | str | os.PathLike,
        *,
        size: tuple[int, int] | None = None,
        progress: Progress | None = None,
    ) -> np.ndarray | Image.Image:
        """Upscale; arguments, result and errors as of `Upscaler`. Each image of a batch gets what fits it."""
        if isinstance(image, np.ndarray) and image.ndim == 4 and len(image):
            return np.stack([self(one, size=size, progress=progress) for one in image])
        upscaler, _ = self.fitting(image)
        return upscaler(image, size=size, progress=progress)

    def fitting(self, image: Picture | Image.Image | np.ndarray | str | os.PathLike) -> tuple[Upscaler, Choice]:
        """The upscaler for a picture, and why it is that one.

        Raises:
          InputError: the picture cannot be read.
        """
        choice = choose_for(image, sharp=self.sharp)
        return self.open(choice.model), choice

    def __repr__(self) -> str:
        kind = "sharp" if self.sharp else "faithful"
        return f"AutomaticUpscaler(×{self.scale:g}, {kind}, by what the picture went through)"


def load(
    name_or_path: str | os.PathLike = AUTOMATIC,
    *,
    sharp: bool = False,
    scale: float | None = None,
    strength: float | None = None,
    base: str | os.PathLike | None = None,
    **options: Any,
) -> AutomaticUpscaler | Upscaler:
    """An upscaler.

    Args:
      name_or_path: "auto", the bundled network that fits each picture (see `jaxsr.upscaling.choice.choose`); or what
        `load_named` takes: a bundled network ("srresnet", …), a .safetensors file or the folder of a training run; or
        "nearest", "bilinear" or "bicubic".
      sharp: with "auto", an SRGAN, which is sharper and invents what it cannot know; a strength asks for one too.
      scale: see `load_named`.
      strength: likewise.
      base: likewise, not with "auto".
      options: those of `load_named`: dtype, tile, self_ensemble, color_lock and back_project.

    Raises:
      InputError: see `load_named`; or `sharp` is given for a named network, or `base` for none.
    """
    options |= {"scale": scale, "strength": strength}
    if name_or_path != AUTOMATIC:
        if sharp:
            raise InputError(f"sharp (--sharp) is for the model auto: {name_or_path} is what it is; name srgan")
        return load_named(name_or_path, base=base, **options)
    if base is not None:
        raise InputError("base (--base) is for a network that is named: name its SRGAN as the model too")
    sharp = sharp or strength is not None
    opened = cache(lambda name: load_named(name, **options))
    # What can be refused is refused now, not at the first picture.
    clean = opened((SHARP if sharp else FAITHFUL)[0])
    return AutomaticUpscaler(opened, sharp, clean.scale)
