"""The weights of a trained network, made into a start for the same network of another scale.

Up to and including the features, networks of different scales are the same. They differ in the number of pixel shuffles
that follow, so the start keeps what it can of these and of the last convolution:

- A larger scale keeps all of them, and bilinear upscaling follows the last. The last convolution reads every second
  pixel of it. So the start's picture is nearly the bilinear enlargement of the smaller network's.
- A smaller scale drops the last of them. The new last convolution is what was dropped, and a mean over the output's
  pixels, linearised at a gray picture. So the start's picture is nearly the reduction of the larger network's.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsr.errors import InputError
from jaxsr.models.interpolation import sub_pixels
from jaxsr.models.network import Network
from jaxsr.models.srcnn import SRCNN
from jaxsr.models.srresnet import SRResNet


def rescaled(variables: dict[str, Any], model: Network, *, scale: int) -> dict[str, Any]:
    """The variables with which a network of another scale begins.

    Args:
      variables: those of `model`, trained.
      model: SRResNet of scale 2, 4 or 8, or SRCNN, whose weights have no scale.
      scale: of the new network, which is otherwise equal to `model`: 2, 4 or 8.

    Returns:
      The variables of `model.clone(scale=scale)`. Those before the upsampling are the same arrays.

    Raises:
      InputError: the model is another network, or one of the scales is 3, which has pixel shuffles of its own.
    """
    if isinstance(model, SRCNN):
        return variables
    if not isinstance(model, SRResNet) or 3 in (model.scale, scale):
        raise InputError(
            f"{type(model).__name__} ×{model.scale} gives no start at ×{scale}: an SRResNet of ×2, ×4 or ×8 gives one "
            "at the other two, and an SRCNN at every scale"
        )
    model = model.clone(dtype=jnp.float32)
    params = dict(variables["params"])
    if scale < model.scale:
        params = _reduced(params, variables, model, scale)
    for stage in range(round(math.log2(model.scale)), round(math.log2(scale))):
        interpolate = jnp.asarray(sub_pixels(2, kernel="bilinear", channels=model.features), jnp.float32)
        params[f"upconv_{stage}"] = {"kernel": interpolate, "bias": jnp.zeros(4 * model.features)}
        # A copy, because training donates each array of its state once.
        params[f"prelu_up_{stage}"] = jax.tree.map(jnp.copy, params[f"prelu_up_{stage - 1}"])
        params["conv_last"] = _spread(params["conv_last"])
    return {**variables, "params": params}


def _spread(conv):
    """The 9×9 convolution with its taps two pixels apart. Those that then lie outside add to the nearest ones."""
    # From each tap's place, −4 … 4, to its new one.
    to = np.zeros((9, 9), np.float32)
    for place in range(-4, 5):
        to[4 + 2 * max(-2, min(place, 2)), 4 + place] = 1
    return {**conv, "kernel": jnp.einsum("hi,wj,ijcd->hwcd", to, to, conv["kernel"])}


def _reduced(params, variables, model, scale):
    kept, stages = (round(math.log2(each)) for each in (scale, model.scale))
    last_kept = f"prelu_up_{kept - 1}"
    side = 2 * model.halo + 1
    _, found = model.apply(
        variables,
        jnp.full((1, side, side, 3), 0.5),
        capture_intermediates=lambda module, _: module.name == last_kept,
        mutable=["intermediates"],
    )
    gray = found["intermediates"][last_kept]["__call__"][0]
    middle = slice(model.halo * scale, (model.halo + 1) * scale)
    gray = gray[0, middle, middle].mean((0, 1))
    dropped = {"conv_last": params["conv_last"]}
    for name in ("upconv", "prelu_up"):
        dropped |= {f"{name}_{i - kept}": params.pop(f"{name}_{i}") for i in range(kept, stages)}
    tail = model.clone(scale=model.scale // scale, output="linear")

    def middle_pixel(x):
        # Its pixels depend on 7×7 pixels of x at most.
        y = tail.apply({"params": dropped}, x[None], half="upsampling")[0]
        return y[4 * tail.scale : 5 * tail.scale, 4 * tail.scale : 5 * tail.scale].mean((0, 1))

    flat = jnp.broadcast_to(gray, (9, 9, model.features))
    kernel = jnp.moveaxis(jax.jacobian(middle_pixel)(flat), 0, -1)
    bias = middle_pixel(flat) - jnp.einsum("hwcd,c->d", kernel, gray)
    return {**params, "conv_last": {"kernel": kernel, "bias": bias}}
