"""Networks and interpolations to export, by the names that `jaxsr.load` takes."""

import os

from jaxsr.upscaling.engine import INTERPOLATIONS, Interpolation
from jaxsr.weights import Weights
from jaxsr.weights.opening import open_weights


def open_network(name_or_path: str | os.PathLike) -> Weights:
    """Open a network, or an interpolation as a ×4 network without parameters.

    Args:
      name_or_path: see `jaxsr.load`. "auto" is not accepted, since it is not a single network.

    Raises:
      InputError: see `jaxsr.weights.opening.open_weights`.
    """
    if isinstance(name_or_path, str) and name_or_path in INTERPOLATIONS:
        return Weights(Interpolation(name_or_path), {"params": {}}, {"interpolation": name_or_path, "scale": 4})
    return open_weights(name_or_path)
