"""Comparison of an exported program with the network itself, on a photo."""

from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from jaxsr.errors import InputError
from jaxsr.imaging.color import unit_from_signed, unit_from_uint8
from jaxsr.weights import Weights

_PHOTO = Path(__file__).parents[1] / "samples" / "flowers.jpg"
# Odd and even, taller than wide and wider than tall.
_SIZES = ((26, 19), (17, 32))
TOLERANCES = {"float32": 1e-4, "float16": 2e-3}


def check(run: Callable[[np.ndarray], np.ndarray], weights: Weights, *, tolerance: float) -> float:
    """Run an exported program on two crops of a photo, and compare the results with the network's.

    Args:
      run: the program, from RGB [N, 3, H, W] to RGB [N, 3, H·scale, W·scale]; float32 in [0, 1].
      weights: the network that was exported.
      tolerance: largest allowed absolute difference of a value.

    Returns:
      The largest absolute difference.

    Raises:
      InputError: the difference exceeds the tolerance or is not a number, or the shapes differ.
    """
    with Image.open(_PHOTO) as image:
        photo = unit_from_uint8(np.asarray(image.convert("RGB")))
    apply = jax.jit(lambda x: jnp.clip(unit_from_signed(weights.model.apply(weights.variables, x)), 0, 1))
    worst = 0.0
    for height, width in _SIZES:
        part = photo[None, 100 : 100 + height, 50 : 50 + width]
        ours = np.asarray(apply(part)).transpose(0, 3, 1, 2)
        theirs = np.asarray(run(np.ascontiguousarray(part.transpose(0, 3, 1, 2))))
        if theirs.shape != ours.shape:
            raise InputError(f"the exported program made {theirs.shape} from {part.shape}; nothing was written")
        # A NaN counts as larger than any tolerance.
        worst = max(worst, np.nan_to_num(np.abs(theirs - ours).max(), nan=np.inf))
    if worst > tolerance:
        raise InputError(
            f"the exported program differs from the network by {worst:.1e}, more than {tolerance:g}, on a photo; "
            "nothing was written"
        )
    return float(worst)
