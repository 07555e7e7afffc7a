"""LPIPS as a metric: a function of two batches of images."""

from collections.abc import Callable

import jax
import numpy as np

from jaxsr.errors import InputError
from jaxsr.models.lpips import LPIPS, Backbone
from jaxsr.weights.lpips import read_lpips


def make_lpips(backbone: Backbone) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Make the distance `(sr, hr) -> [N]` of two batches [N, H, W, 3] in [−1, 1]; it is compiled once per shape.

    Raises:
      InputError: the package with the weights is not installed. The function itself raises it for images below 32×32
        pixels.
    """
    variables, apply = read_lpips(backbone), jax.jit(LPIPS(backbone).apply)

    def distance(sr, hr):
        if min(sr.shape[1:3]) < 32:
            raise InputError(f"LPIPS needs at least 32×32 pixels; these images have {sr.shape[2]}×{sr.shape[1]}")
        return np.asarray(apply(variables, sr, hr))

    return distance
