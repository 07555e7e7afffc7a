"""Which network fits a picture: one for clean pictures, or one for those with noise and JPEG's artefacts."""

import os
from typing import NamedTuple

import numpy as np
from PIL import Image

from jaxsr.imaging.picture import Picture, open_picture
from jaxsr.imaging.quality import Traces, file_quality, jpeg_quality, traces
from jaxsr.upscaling.pictures import arrays_of

# JPEGs of cameras have 90 to 98; below this, what was lost shows at four times the size.
HIGH_QUALITY = 95
# For pictures whose history is not known. Blocks as of a JPEG below quality 40, which show without looking for them:
# five of the 19 photos of Set5 and Set14 have 0.5 to 0.8, since they were JPEGs once. Noise of one and a half times the
# most in clean photos.
PLAIN_BLOCKS, PLAIN_NOISE = 0.8, 3.6
# What is looked at of a large picture: this many rows and columns of its middle.
_MIDDLE = 1024

FAITHFUL, SHARP = ("srresnet", "srresnet_real"), ("srgan", "srgan_real")


class Choice(NamedTuple):
    """A network and why.

    Attributes:
      model: name of a bundled network.
      reason: in a few words, "JPEG of quality 72".
    """

    model: str
    reason: str

    def __str__(self) -> str:
        return f"{self.model} ({self.reason})"


def choose(found: Traces, *, sharp: bool) -> Choice:
    """The network for a picture with these traces.

    The network for real photos is taken for a JPEG below quality 95, for plain traces of JPEG's blocks, and for plain
    noise. All else is taken to be clean.

    Args:
      found: of the picture.
      sharp: an SRGAN in place of an SRResNet.
    """
    clean, real = SHARP if sharp else FAITHFUL
    if found.quality is not None and found.quality < HIGH_QUALITY:
        return Choice(real, f"JPEG of quality {found.quality}")
    if found.blocks > PLAIN_BLOCKS:
        return Choice(real, "traces of JPEG's blocks")
    if found.noise > PLAIN_NOISE:
        return Choice(real, f"noise of {found.noise:.1f} levels")
    origin = "no traces of JPEG or noise" if found.quality is None else f"JPEG of quality {found.quality}, no noise"
    return Choice(clean, origin)


def choose_for(image: Picture | Image.Image | np.ndarray | str | os.PathLike, *, sharp: bool) -> Choice:
    """`choose` for a picture; of a large one its middle is looked at.

    Args:
      image: an opened picture file, a PIL image, an array [H, W, 3] or [H, W], uint8 or float in [0, 1], or a path.
      sharp: see `choose`.

    Raises:
      InputError: it cannot be read.
    """
    quality = None
    if isinstance(image, str | os.PathLike):
        image = open_picture(image)
    if isinstance(image, Picture):
        (height, _), quality = image.size, file_quality(image.path)
        top, bottom = _middle(height)
        image = image.rows(top, bottom)
    elif isinstance(image, Image.Image):
        quality = jpeg_quality(image)
        image, _ = arrays_of(image)
    rows, columns = (slice(*_middle(side)) for side in image.shape[:2])
    return choose(traces(image[rows, columns], quality=quality), sharp=sharp)


def _middle(side):
    start = max(0, (side - _MIDDLE) // 2)
    return start, min(side, start + _MIDDLE)
