"""Chooses the network for a picture: for clean pictures, or for noise and JPEG artefacts; and for the wanted scale."""

import os
from typing import NamedTuple

import numpy as np
from PIL import Image

from jaxsr.imaging.picture import Picture, open_picture
from jaxsr.imaging.quality import Traces, file_quality, jpeg_quality, traces
from jaxsr.upscaling.arrays import arrays_of
from jaxsr.weights.store import bundled_names

# JPEGs of cameras have a quality of 90 to 98. Below this threshold the loss is visible at four times the size.
HIGH_QUALITY = 95
# Levels of noise, more than in any clean photo that was tried; docs/design/real-photos.md says why it is high.
PLAIN_NOISE = 5.0
# Rows and columns in the middle of a large picture that are examined.
_MIDDLE = 1024

AnyPicture = Picture | Image.Image | np.ndarray | str | os.PathLike

FAITHFUL, SHARP = ("srresnet", "srresnet_real"), ("srgan", "srgan_real")
# Bundled networks that differ in their scale, by the name that stands for all of them.
OF_SCALE = {"srresnet": {2: "srresnet_x2", 4: "srresnet"}}


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


def of_scale(name: str, scale: float) -> str:
    """The bundled network that is used in place of another for a scale, by `OF_SCALE`; the same name if there is none.

    It has the smallest scale that reaches the wanted one, so that its result need not be enlarged; otherwise the
    largest there is.
    """
    scales = [own for own, network in sorted(OF_SCALE.get(name, {}).items()) if network in bundled_names()]
    return OF_SCALE[name][next((own for own in scales if own >= scale), scales[-1])] if scales else name


def choose(found: Traces, *, sharp: bool) -> Choice:
    """Choose the network for a picture by its traces: an SRGAN if it is to be sharp, otherwise an SRResNet.

    The network for real photos is chosen for a JPEG below quality 95, for the traces of one, and for plain noise.
    Every other picture counts as clean.
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


def choose_for(image: AnyPicture, *, sharp: bool, scale: float = 4, to: tuple[int, int] | None = None) -> Choice:
    """`choose` for a picture, and `of_scale`. Only the middle of a large picture is examined.

    Args:
      image: an opened picture file, a PIL image, an array [H, W, 3] or [H, W], uint8 or float in [0, 1], or a path.
      sharp: see `choose`.
      scale: output pixels per input pixel on both axes.
      to: (height, width) of the result, in place of `scale`; the axis that is enlarged more counts.

    Raises:
      InputError: the picture cannot be read.
    """
    size = quality = None
    if isinstance(image, str | os.PathLike):
        image = open_picture(image)
    if isinstance(image, Picture):
        size, quality = image.size, file_quality(image.path)
        top, bottom = _middle(size[0])
        image = image.rows(top, bottom)
    elif isinstance(image, Image.Image):
        quality = jpeg_quality(image)
        image, _ = arrays_of(image)
    size = size or image.shape[:2]
    rows, columns = (slice(*_middle(side)) for side in image.shape[:2])
    choice = choose(traces(image[rows, columns], quality=quality), sharp=sharp)
    wanted = max(large / small for large, small in zip(to, size, strict=True)) if to else scale
    return choice._replace(model=of_scale(choice.model, wanted))


def _middle(side):
    start = max(0, (side - _MIDDLE) // 2)
    return start, min(side, start + _MIDDLE)
