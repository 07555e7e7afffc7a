"""An upscaler that examines each picture and chooses the network that fits it."""

import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from jaxsr.imaging.picture import Picture
from jaxsr.upscaling.choice import Choice, choose_for
from jaxsr.upscaling.upscaler import AnyUpscaler, Upscaler

AUTOMATIC = "auto"


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

    def fitting(
        self, image: Picture | Image.Image | np.ndarray | str | os.PathLike, *, to: tuple[int, int] | None = None
    ) -> tuple[Upscaler, Choice]:
        """The upscaler that is chosen for a picture, and the reason; see `AnyUpscaler.fitting`."""
        choice = choose_for(image, sharp=self.sharp, scale=self.scale, to=to)
        return self.open(choice.model), choice

    def __repr__(self) -> str:
        kind = "sharp" if self.sharp else "faithful"
        return f"AutomaticUpscaler(×{self.scale:g}, {kind}, chosen for each picture)"
