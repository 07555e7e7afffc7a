"""Batch norms folded into the convolutions before them."""

from collections.abc import Mapping

import numpy as np

from jaxsr.models.layers import NORM_EPSILON


def folded(variables: Mapping) -> dict:
    """Parameters of the same network without batch norms.

    "norm_X" is folded into the "conv_X" beside it, with the running statistics. Every convolution gets a bias.

    Args:
      variables: {"params": …}, and {"batch_stats": …} if the network has batch norms.

    Returns:
      Nested dict of float32 numpy arrays.
    """
    return _folded(variables["params"], variables.get("batch_stats", {}))


def _folded(params, statistics):
    result = {}
    for name, value in params.items():
        if name.startswith("norm_"):
            continue
        norm = name.replace("conv_", "norm_", 1)
        if "kernel" in value:
            own = {"bias": np.zeros(value["kernel"].shape[-1], np.float32), **value}
            result[name] = _with_norm(own, params[norm], statistics[norm]) if norm in params else _arrays(own)
        elif any(isinstance(child, Mapping) for child in value.values()):
            result[name] = _folded(value, statistics.get(name, {}))
        else:
            result[name] = _arrays(value)
    return result


def _with_norm(convolution, norm, statistics):
    convolution, norm, statistics = (
        {k: np.asarray(v, np.float64) for k, v in part.items()} for part in (convolution, norm, statistics)
    )
    gain = norm["scale"] / np.sqrt(statistics["var"] + NORM_EPSILON)
    bias = (convolution["bias"] - statistics["mean"]) * gain + norm["bias"]
    return _arrays({"kernel": convolution["kernel"] * gain, "bias": bias})


def _arrays(parameters):
    return {name: np.asarray(value, np.float32) for name, value in parameters.items()}
