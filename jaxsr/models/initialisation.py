"""The weights that training starts from: an interpolation, or PyTorch's default random weights ("paper").

"upscaler" does not change the architecture. It chooses weights with which the untrained network interpolates:

- Three channels carry R, G and B to the output.
- Residual branches start at zero.
- Sub-pixel convolutions start as nearest-neighbour upscaling ("ICNR", Aitken et al. 2017, arXiv 1707.02937), and the
  last kernels smooth that into bilinear upscaling.
- All other channels are random. In SRResNet they reach the output in pairs of opposite sign ("twins"), which cancel
  until training separates them. In the other networks they reach it with weight zero. In both cases the first gradient
  shows which of them are useful.
"""

from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from jaxsr.errors import InputError
from jaxsr.models.compact import Compact
from jaxsr.models.espcn import ESPCN
from jaxsr.models.interpolation import carry_rgb, nearest, read_rgb, silenced, smoothing, sub_pixels, twins
from jaxsr.models.network import Network
from jaxsr.models.rrdbnet import RRDBNet
from jaxsr.models.srcnn import SRCNN
from jaxsr.models.srresnet import SRResNet

Initialisation = Literal["upscaler", "paper"]


def initialise(key: jax.Array, model: Network, *, initialisation: Initialisation = "upscaler") -> dict[str, Any]:
    """The variables of a network before the first update.

    Args:
      key: PRNG key of the random weights.
      model: the network.
      initialisation: "upscaler" to start as an interpolation (see `begin_as_interpolation`), "paper" for `model.init`,
        PyTorch's default, which is not what each paper describes.

    Returns:
      {"params"} and, for SRResNet, {"batch_stats"}; float32.

    Raises:
      InputError: the initialisation is unknown, or "upscaler" cannot start this network.
    """
    if initialisation not in ("upscaler", "paper"):
        raise InputError(f'initialisation "{initialisation}" is unknown: choose "upscaler" or "paper"')

    def variables(key):
        drawn = model.init(key, jnp.zeros((1, 1, 1, 3)))
        if initialisation == "paper":
            return drawn
        return {**drawn, "params": begin_as_interpolation(drawn["params"], model)}

    # One compiled program instead of a hundred small ones.
    return jax.jit(variables)(key)


def begin_as_interpolation(params: dict[str, Any], model: Network) -> dict[str, Any]:
    """Parameters with which the network interpolates its input, both in training and in inference mode.

    - SRResNet computes `resize(x, scale, kernel="bilinear")` in [−1, 1] up to float tolerance. The outermost scale // 2
      HR pixels differ, because the network pads with zeros and `resize` mirrors the border. With output="tanh" the
      result is the tanh of that.
    - ESPCN computes the same to 4e-3 (half a gray level of 255), because tanh is only nearly linear.
    - SRCNN computes its bicubic upscaling, borders included.
    - Compact, and RRDBNet at ×4, compute the same bilinear upscaling as SRResNet.
    - RRDBNet at ×2 and ×1 averages each square that it unshuffles and upscales these means by ×4 bilinearly: no kernel
      can put the pixels of a square back in their places.

    Args:
      params: parameters from `model.init`. Values that do not carry the interpolation are kept.
      model: the network that they belong to.

    Returns:
      The same tree with new values.

    Raises:
      InputError: the model has fewer than 3 features, or is not one of these; an SRResNet is not that of the paper if
        its `body_end` or `normalisation` is another program's.
    """
    if model.features < 3:
        raise InputError(
            f"features={model.features} leaves no channel for each of R, G and B: "
            'use at least 3, or initialisation "paper"'
        )
    match model:
        case SRResNet(body_end="norm", normalisation="none"):
            return _bilinear_srresnet(params, model)
        case ESPCN():
            return _bilinear_espcn(params, model)
        case SRCNN():
            return _bicubic_srcnn(params)
        case RRDBNet():
            return _bilinear_rrdbnet(params, model)
        case Compact():
            return _bilinear_compact(params, model)
    raise InputError(f'this {type(model).__name__} has no start as an upscaler: use initialisation "paper"')


def _bilinear_srresnet(params, model):
    params = dict(params)
    params["conv_first"] = carry_rgb(params["conv_first"])
    for i in range(model.blocks):
        params[f"block_{i}"] = {**params[f"block_{i}"], "norm_2": silenced(params[f"block_{i}"]["norm_2"])}
    params["norm_body"] = silenced(params["norm_body"])
    for i, factor in enumerate(model.upscaling_stages):
        params[f"upconv_{i}"] = nearest(params[f"upconv_{i}"], factor)
    params[f"upconv_{i}"] = twins(params[f"upconv_{i}"], (model.features - 3) // 2, factor)
    taps = smoothing(model.scale)
    smooth = np.einsum("h,w,io->hwio", taps, taps, np.eye(3))
    # Twins of a tenth of the usual size keep the first hundreds of updates stable at learning rates around 1e-3;
    # weights of zero do not (docs/design/training.md).
    part = 0.1 * params["conv_last"]["kernel"][:, :, 3 : 3 + (model.features - 3) // 2]
    read = read_rgb(params["conv_last"], 2 * smooth, bias=-1.0)
    cancelling = jnp.concatenate([part, -part], axis=2)
    params["conv_last"] = {**read, "kernel": read["kernel"].at[:, :, 3 : 3 + cancelling.shape[2]].set(cancelling)}
    return params


def _bilinear_espcn(params, model):
    # Colours pass both tanh as z within ±gain/2. There tanh(tanh(z)) is z − 2z³/3, and its best straight line has the
    # slope 1 − gain²/8, so the output is off by gain²/24 at most. A smaller gain is closer to bilinear, but its larger
    # weights at the output make the first updates rough.
    gain = 0.3
    slope = 1 - gain**2 / 8
    interpolate = 2 / (gain * slope) * sub_pixels(model.scale, kernel="bilinear")
    return {
        "conv_first": carry_rgb(params["conv_first"], gain=gain, bias=-gain / 2),
        "conv_map": carry_rgb(params["conv_map"]),
        "conv_last": read_rgb(params["conv_last"], interpolate, bias=0.0),
    }


def _bilinear_compact(params, model):
    carried = {name: carry_rgb(conv) for name, conv in params.items() if name.startswith("conv_")}
    # The network adds its input, enlarged by nearest neighbour: the difference remains.
    missing = sub_pixels(model.scale, kernel="bilinear") - sub_pixels(model.scale, kernel="nearest")
    return {**params, **carried, "conv_last": read_rgb(params["conv_last"], missing, bias=0.0)}


def _bilinear_rrdbnet(params, model):
    silent = {
        name: {**dense, "conv_5": jax.tree.map(jnp.zeros_like, dense["conv_5"])}
        for name, dense in params.items()
        if name.startswith("block_")
    }
    first, body = carry_rgb(params["conv_first"]), params["conv_body"]
    squares = np.repeat(np.eye(3), model.unshuffle**2, axis=0) / model.unshuffle**2
    # Two kernels of three taps that together make the box of `smoothing(4)`.
    near, far = (np.einsum("h,w,io->hwio", taps, taps, np.eye(3)) for taps in ([0.25, 0.5, 0.25], [0.5, 0, 0.5]))
    smooth = carry_rgb(params["conv_hr"])
    return {
        **params,
        **silent,
        "conv_first": {**first, "kernel": first["kernel"].at[1, 1, :, :3].set(squares)},
        "conv_body": {name: value.at[..., :3].set(0) for name, value in body.items()},
        **{name: carry_rgb(params[name]) for name in ("upconv_0", "upconv_1")},
        "conv_hr": {**smooth, "kernel": smooth["kernel"].at[:, :, :3, :3].set(near)},
        "conv_last": read_rgb(params["conv_last"], far, bias=0.0),
    }


def _bicubic_srcnn(params):
    # Bicubic overshoots [0, 1] by up to 0.28 on each side. Lifted by this, it passes the ReLUs unchanged.
    lift = 0.5
    middle = np.zeros((*params["conv_last"]["kernel"].shape[:2], 3, 3))
    middle[middle.shape[0] // 2, middle.shape[1] // 2] = np.eye(3)
    return {
        "conv_first": carry_rgb(params["conv_first"], bias=lift),
        "conv_map": carry_rgb(params["conv_map"]),
        "conv_last": read_rgb(params["conv_last"], 2 * middle, bias=-1 - 2 * lift),
    }
