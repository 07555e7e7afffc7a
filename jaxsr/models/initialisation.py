"""How a network begins: as an interpolation that learns the rest, or with the papers' random weights.

"upscaler" leaves the architecture as it is and chooses weights with which the untouched network computes an
interpolation: three channels carry R, G and B through to the output, residual branches begin at zero, sub-pixel
convolutions begin as nearest-neighbour upscaling ("ICNR", Aitken et al. 2017, arXiv 1707.02937) and the last kernels
smooth that into bilinear. All other channels are random. In SRResNet they reach the output in twins of opposite sign,
which cancel until training parts them; in the others with weight zero. Either way the first gradient already
tells which of them to use.
"""

from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxsr.errors import InputError
from jaxsr.imaging.resize import resize_matrix
from jaxsr.models.compact import Compact
from jaxsr.models.espcn import ESPCN
from jaxsr.models.rrdbnet import RRDBNet
from jaxsr.models.srcnn import SRCNN
from jaxsr.models.srresnet import SRResNet

Initialisation = Literal["upscaler", "paper"]


def initialise(key: jax.Array, model: nn.Module, *, initialisation: Initialisation = "upscaler") -> dict[str, Any]:
    """The variables of a network before the first step.

    Args:
      key: PRNG key of the random weights.
      model: SRResNet, ESPCN, SRCNN, RRDBNet or Compact.
      initialisation: "upscaler" to begin as an interpolation (see `begin_as_interpolation`), "paper" for `model.init`.

    Returns:
      {"params"} and, for SRResNet, {"batch_stats"}; float32.

    Raises:
      InputError: the initialisation is unknown, or "upscaler" has no channel to carry each colour.
    """
    if initialisation not in ("upscaler", "paper"):
        raise InputError(f'initialisation "{initialisation}" is unknown: choose "upscaler" or "paper"')

    def variables(key):
        drawn = model.init(key, jnp.zeros((1, 1, 1, 3)))
        if initialisation == "paper":
            return drawn
        return {**drawn, "params": begin_as_interpolation(drawn["params"], model)}

    # One program in place of a hundred small ones, each of which would be compiled.
    return jax.jit(variables)(key)


def begin_as_interpolation(params: dict[str, Any], model: nn.Module) -> dict[str, Any]:
    """Parameters with which the network is an interpolation of its input, in training and inference mode alike.

    SRResNet is `resize(x, scale, kernel="bilinear")` in [−1, 1] up to float tolerance; the outermost scale // 2 HR
    pixels differ, where the network's zero padding stands in for the mirrored border. With output="tanh" it is the
    tanh of that.
    ESPCN is the same to 4e-3 (half a gray level of 255), since tanh is only nearly linear.
    SRCNN is its bicubic, borders included.
    Compact and RRDBNet at ×4 are the same bilinear as SRResNet; RRDBNet at ×2 and ×1 is that at ×4 of the means of the
    squares that it unshuffles, since no kernel can put their pixels back in their places.

    Args:
      params: as `model.init` gives them; what does not carry the interpolation is kept.
      model: the network that they belong to.

    Returns:
      The same tree with new values.

    Raises:
      InputError: the model has fewer than 3 features, or is none of the five.
    """
    if getattr(model, "features", 3) < 3:
        raise InputError(
            f"features={model.features} leaves no channel for each of R, G and B: "
            'use at least 3, or initialisation "paper"'
        )
    match model:
        case SRResNet():
            return _bilinear_srresnet(params, model)
        case ESPCN():
            return _bilinear_espcn(params, model)
        case SRCNN():
            return _bicubic_srcnn(params)
        case RRDBNet():
            return _bilinear_rrdbnet(params, model)
        case Compact():
            return _bilinear_compact(params, model)
    raise InputError(f'{type(model).__name__} has no start as an upscaler: use initialisation "paper"')


def _bilinear_srresnet(params, model):
    params = dict(params)
    params["conv_first"] = _carry_rgb(params["conv_first"])
    for i in range(model.blocks):
        params[f"block_{i}"] = {**params[f"block_{i}"], "norm_2": _silent(params[f"block_{i}"]["norm_2"])}
    params["norm_body"] = _silent(params["norm_body"])
    for i, factor in enumerate(model.upscaling_stages):
        params[f"upconv_{i}"] = _nearest(params[f"upconv_{i}"], factor)
    params[f"upconv_{i}"] = _twins(params[f"upconv_{i}"], (model.features - 3) // 2, factor)
    taps = _smoothing(model.scale)
    smooth = np.einsum("h,w,io->hwio", taps, taps, np.eye(3))
    # Twins of a tenth of the usual size keep the first hundreds of updates calm at learning rates around 1e-3, where
    # weights of zero threw the loss up by a factor of up to 100 (two seeds of two; with twins, none of one).
    part = 0.1 * params["conv_last"]["kernel"][:, :, 3 : 3 + (model.features - 3) // 2]
    read = _read_rgb(params["conv_last"], 2 * smooth, bias=-1.0)
    cancelling = jnp.concatenate([part, -part], axis=2)
    params["conv_last"] = {**read, "kernel": read["kernel"].at[:, :, 3 : 3 + cancelling.shape[2]].set(cancelling)}
    return params


def _bilinear_espcn(params, model):
    # Colours pass the tanh as z within ±gain/2, where tanh(tanh(z)) is z − 2z³/3 and its best straight line has the
    # slope 1 − gain²/8: the output is off by gain²/24 at most. A smaller gain is closer to bilinear, but its larger
    # weights at the output make the first steps rough.
    gain = 0.3
    slope = 1 - gain**2 / 8
    interpolate = 2 / (gain * slope) * _sub_pixels(model.scale, "bilinear")
    return {
        "conv_first": _carry_rgb(params["conv_first"], gain=gain, bias=-gain / 2),
        "conv_map": _carry_rgb(params["conv_map"]),
        "conv_last": _read_rgb(params["conv_last"], interpolate, bias=0.0),
    }


def _bilinear_compact(params, model):
    carried = {name: _carry_rgb(conv) for name, conv in params.items() if name.startswith("conv_")}
    # What its enlarged input lacks.
    missing = _sub_pixels(model.scale, "bilinear") - _sub_pixels(model.scale, "nearest")
    return {**params, **carried, "conv_last": _read_rgb(params["conv_last"], missing, bias=0.0)}


def _bilinear_rrdbnet(params, model):
    silent = {
        name: {**dense, "conv_5": jax.tree.map(jnp.zeros_like, dense["conv_5"])}
        for name, dense in params.items()
        if name.startswith("block_")
    }
    first, body = _carry_rgb(params["conv_first"]), params["conv_body"]
    squares = np.repeat(np.eye(3), model.unshuffle**2, axis=0) / model.unshuffle**2
    # Two kernels of three taps that make the box of `_smoothing(4)`.
    near, far = (np.einsum("h,w,io->hwio", taps, taps, np.eye(3)) for taps in ([0.25, 0.5, 0.25], [0.5, 0, 0.5]))
    smooth = _carry_rgb(params["conv_hr"])
    return {
        **params,
        **silent,
        "conv_first": {**first, "kernel": first["kernel"].at[1, 1, :, :3].set(squares)},
        "conv_body": {name: value.at[..., :3].set(0) for name, value in body.items()},
        **{name: _carry_rgb(params[name]) for name in ("upconv_0", "upconv_1")},
        "conv_hr": {**smooth, "kernel": smooth["kernel"].at[:, :, :3, :3].set(near)},
        "conv_last": _read_rgb(params["conv_last"], far, bias=0.0),
    }


def _bicubic_srcnn(params):
    # Bicubic overshoots [0, 1] by up to 0.28 on each side; lifted by this, nothing of it is lost in the ReLUs.
    lift = 0.5
    middle = np.zeros((*params["conv_last"]["kernel"].shape[:2], 3, 3))
    middle[middle.shape[0] // 2, middle.shape[1] // 2] = np.eye(3)
    return {
        "conv_first": _carry_rgb(params["conv_first"], bias=lift),
        "conv_map": _carry_rgb(params["conv_map"]),
        "conv_last": _read_rgb(params["conv_last"], 2 * middle, bias=-1 - 2 * lift),
    }


def _sub_pixels(scale, kernel):
    """What a convolution [3, 3, 3, 3·scale²] in front of a pixel shuffle has to be to interpolate."""
    # Columns of a 3-sample signal's middle pixel: what each of its `scale` sub-pixels takes from the three.
    taps = resize_matrix(3, scale, kernel=kernel)[scale : 2 * scale]
    of_one = np.einsum("ih,jw->hwij", taps, taps).reshape(3, 3, 1, -1)
    return (of_one[..., None, :] * np.eye(3)[:, :, None]).reshape(3, 3, 3, 3 * scale**2)


def _carry_rgb(conv, gain=1.0, bias=0.0):
    """Output channels 0–2 become gain × input channels 0–2 + bias; the others stay."""
    height, width = conv["kernel"].shape[:2]
    kernel = conv["kernel"].at[..., :3].set(0)
    kernel = kernel.at[height // 2, width // 2, :3, :3].set(gain * jnp.eye(3))
    return {"kernel": kernel, "bias": conv["bias"].at[:3].set(bias)}


def _read_rgb(conv, kernel, bias):
    """The output reads channels 0–2 through `kernel`, the others with weight zero."""
    return {
        "kernel": jnp.zeros_like(conv["kernel"]).at[:, :, :3].set(kernel),
        "bias": jnp.full_like(conv["bias"], bias),
    }


def _nearest(conv, factor):
    """Every sub-pixel of a channel gets the same filter, and channels 0–2 carry R, G and B."""
    kernel = conv["kernel"][..., :: factor**2]
    carried = _carry_rgb({"kernel": kernel, "bias": conv["bias"][:: factor**2]})
    return {name: jnp.repeat(value, factor**2, axis=-1) for name, value in carried.items()}


def _twins(conv, count, factor):
    """The `count` channels after R, G and B are repeated in as many after them."""
    first, second, end = (factor**2 * (3 + n * count) for n in (0, 1, 2))
    return {name: value.at[..., second:end].set(value[..., first:second]) for name, value in conv.items()}


def _silent(norm):
    return {**norm, "scale": jnp.zeros_like(norm["scale"])}


def _smoothing(scale):
    """The 9 taps that turn nearest-neighbour into bilinear upscaling: a box as wide as an LR pixel.

    An even box is half a pixel off the HR grid, so its ends count half.
    """
    taps = np.ones(scale) if scale % 2 else np.convolve(np.ones(scale), (0.5, 0.5))
    return np.pad(taps / scale, (9 - len(taps)) // 2)
