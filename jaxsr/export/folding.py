"""Batch norms as part of the convolutions before them."""

from collections.abc import Mapping

import numpy as np

# Of `flax.linen.BatchNorm` as jaxsr.models.srresnet makes it.
_EPSILON = 1e-5


def folded(variables: Mapping) -> dict:
    """The parameters of a network that computes the same without batch norms.

    "norm_X" becomes part of "conv_X" beside it, with the running statistics. Each convolution has a bias.

    Args:
      variables: {"params": …} and, where there are batch norms, {"batch_stats": …}.

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
    gain = norm["scale"] / np.sqrt(statistics["var"] + _EPSILON)
    bias = (convolution["bias"] - statistics["mean"]) * gain + norm["bias"]
    return _arrays({"kernel": convolution["kernel"] * gain, "bias": bias})


def _arrays(parameters):
    return {name: np.asarray(value, np.float32) for name, value in parameters.items()}
