"""A picture of training pairs, as the network sees them."""

from pathlib import Path

import jax
import numpy as np

from jaxsr.data.degradation import Degrade
from jaxsr.imaging.color import uint8_from_unit, unit_from_signed
from jaxsr.imaging.files import save_image
from jaxsr.imaging.resize import resize_uint8
from jaxsr.runs.monitor import strip

COLUMNS, ROWS = 10, 3


def draw_degraded(path: Path, degrade: Degrade, crops: np.ndarray, *, scale: int, recipe: str) -> None:
    """Write a PNG of training pairs: LR, enlarged with the nearest neighbour, above HR.

    Args:
      path: file to write.
      degrade: from `jaxsr.data.degradation.make_degradation`.
      crops: uint8 [B, S, S, 3]. They are degraded again until the picture is full.
      scale: factor between LR and HR.
      recipe: name of the degradation, for the title.
    """
    rows, degrade = [], jax.jit(degrade)
    for number in range(ROWS):
        chosen = np.take(crops, range(number * COLUMNS, (number + 1) * COLUMNS), axis=0, mode="wrap")
        low, high = degrade(jax.random.key(number), chosen)
        low, high = (np.asarray(uint8_from_unit(images)) for images in (low, unit_from_signed(high)))
        rows.append(("LR\n(nearest)", [resize_uint8(image, scale, kernel="nearest") for image in low]))
        rows.append(("HR", list(high)))
    save_image(path, strip(rows, title=f"crops as the network sees them: --degradation {recipe}"))
