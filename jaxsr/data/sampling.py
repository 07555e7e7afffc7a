"""The choice of the places where crops are cut."""

from typing import Literal

import numpy as np

Sampling = Literal["uniform", "detail"]
# Random places to choose from, for each crop.
PLACES: dict[Sampling, int] = {"uniform": 1, "detail": 2}


def detail(crop: np.ndarray) -> float:
    """The mean squared difference of neighbouring pixels, in squared levels.

    Args:
      crop: [S, S, C] uint8.
    """
    levels = crop.astype(np.float32)
    return float(sum(np.square(np.diff(levels, axis=axis)).mean() for axis in (0, 1)))
