"""Which network fits a picture: one for clean pictures, or one for those with noise and JPEG's artefacts."""

import os
from typing import NamedTuple

import numpy as np

from jaxsr.imaging.picture import Picture, open_picture
from jaxsr.imaging.quality import Traces, jpeg_quality, traces

# JPEGs of cameras have 90 to 98; below this, what was lost shows at four times the size.
HIGH_QUALITY = 95
# One and a half times the most of clean photos without a history, for pictures whose history is not known.
PLAIN_BLOCKS, PLAIN_NOISE = 0.45, 3.6
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

    The network for real photos is taken for a JPEG below quality 95, for plain edges of JPEG's blocks, and for plain
    noise. All else is taken to be clean.

    Args:
      found: of the picture.
      sharp: an SRGAN in place of an SRResNet.
    """
    clean, real = SHARP if sharp else FAITHFUL
    if found.quality is not None and found.quality < HIGH_QUALITY:
        return Choice(real, f"JPEG of quality {found.quality}")
    if found.blocks > PLAIN_BLOCKS:
        return Choice(real, "edges of JPEG's blocks")
    if found.noise > PLAIN_NOISE:
        return Choice(real, f"noise of {found.noise:.1f} levels")
    origin = "no traces of JPEG or noise" if found.quality is None else f"JPEG of quality {found.quality}, no noise"
    return Choice(clean, origin)


def traces_of_file(path: str | os.PathLike) -> Traces:
    """Those of a picture file; of a large one its middle is looked at.

    Raises:
      InputError: it cannot be read.
    """
    return traces_of_picture(open_picture(path))


def traces_of_picture(picture: Picture) -> Traces:
    """As `traces_of_file`."""
    height, width = picture.size
    top, left = max(0, (height - _MIDDLE) // 2), max(0, (width - _MIDDLE) // 2)
    middle = picture.rows(top, min(height, top + _MIDDLE))[:, left : left + _MIDDLE]
    return traces(middle, quality=jpeg_quality(picture.path))


def traces_of_array(image: np.ndarray) -> Traces:
    """Those of [H, W, 3] or [H, W], uint8 or float in [0, 1]."""
    top, left = (max(0, (side - _MIDDLE) // 2) for side in image.shape[:2])
    return traces(image[top : top + _MIDDLE, left : left + _MIDDLE])
