"""Chooses the network for a picture: one for clean pictures, or one for pictures with noise and JPEG artefacts."""

import os
from typing import NamedTuple

import numpy as np
from PIL import Image

from jaxsr.imaging.picture import Picture, open_picture
from jaxsr.imaging.quality import Traces, file_quality, jpeg_quality, traces
from jaxsr.upscaling.pictures import arrays_of

# JPEGs of cameras have a quality of 90 to 98. Below this threshold the loss is visible at four times the size.
HIGH_QUALITY = 95
# Levels of noise, one and a half times the maximum in clean photos; docs/design/real-photos.md says why it is high.
PLAIN_NOISE = 3.6
# Rows and columns in the middle of a large picture that are examined.
_MIDDLE = 1024

FAITHFUL, SHARP = ("srresnet", "srresnet_real"), ("srgan", "srgan_real")


class Choice(NamedTuple):
    """A chosen network and the reason.

    Attributes:
      model: name of a bundled network.
      reason: the reason in a few words, such as "JPEG of quality 72".
    """

    model: str
    reason: str

    def __str__(self) -> str:
        return f"{self.model} ({self.reason})"


def choose(found: Traces, *, sharp: bool) -> Choice:
    """Choose the network for a picture by its traces.

    The network for real photos is chosen for a JPEG below quality 95, for the traces of one, and for plain noise.
    Every other picture counts as clean.

    Args:
      found: the traces of the picture.
      sharp: whether to choose an SRGAN instead of an SRResNet.
    """
    clean, real = SHARP if sharp else FAITHFUL
    histories = [("JPEG", found.quality), ("traces of a JPEG", found.former_quality)]
    known = [(f"{what} of quality {quality}", quality) for what, quality in histories if quality is not None]
    for reason, quality in known:
        if quality < HIGH_QUALITY:
            return Choice(real, reason)
    if found.noise > PLAIN_NOISE:
        return Choice(real, f"noise of {found.noise:.1f} levels")
    return Choice(clean, f"{known[0][0]}, no noise" if known else "no traces of JPEG or noise")


def choose_for(image: Picture | Image.Image | np.ndarray | str | os.PathLike, *, sharp: bool) -> Choice:
    """`choose` for a picture. Only the middle of a large picture is examined.

    Args:
      image: an opened picture file, a PIL image, an array [H, W, 3] or [H, W], uint8 or float in [0, 1], or a path.
      sharp: see `choose`.

    Raises:
      InputError: the picture cannot be read.
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
