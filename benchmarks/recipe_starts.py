"""Changed weights before the first update of an SRResNet, for `recipes.py`.

A random start that breaks the path of R, G and B through the network also breaks the cancelling of the twins
(`jaxsr/models/initialisation.py`).
"""

from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np

from jaxsr.imaging.resize import resize_matrix
from jaxsr.models import SRResNet
from jaxsr.models.initialisation import initialise
from jaxsr.weights.store import Weights, save_weights

Parameters = dict
# From the parameters of the upscaler's start and from random ones, PyTorch's default, to other ones.
Start = Callable[[Parameters, Parameters], Parameters]


def randomised(*prefixes: str) -> Start:
    """The upscaler's start, with random weights in modules whose names begin with a prefix."""

    def changed(upscaler, random):
        return {name: (random if name.startswith(prefixes) else upscaler)[name] for name in upscaler}

    return changed


def silent_twins(upscaler: Parameters, _: Parameters) -> Parameters:
    """The upscaler's start, with a last convolution that reads only R, G and B."""
    last = upscaler["conv_last"]
    return upscaler | {"conv_last": last | {"kernel": last["kernel"].at[:, :, 3:].set(0.0)}}


def loud_branches(upscaler: Parameters, random: Parameters) -> Parameters:
    """The upscaler's start, with batch norms of gain 1 in residual branches and at the body's end."""
    loud = {name: upscaler[name] | {"norm_2": random[name]["norm_2"]} for name in upscaler if name.startswith("block")}
    return upscaler | loud | {"norm_body": random["norm_body"]}


def bicubic(upscaler: Parameters, _: Parameters) -> Parameters:
    """The upscaler's start, with a last kernel that turns nearest-neighbour into nearly bicubic (least squares)."""
    impulse = resize_matrix(9, 4)[:, 4]
    nearest = np.zeros(36)
    nearest[16:20] = 1.0
    shifts = np.stack([np.roll(nearest, offset) for offset in range(-4, 5)], axis=1)
    taps = np.linalg.lstsq(shifts, impulse, rcond=None)[0]
    taps /= taps.sum()
    last = upscaler["conv_last"]
    # The factor 2 converts [0, 1] to [−1, 1]. The taps are reversed, because XLA's convolution is a correlation.
    smooth = 2 * np.einsum("h,w,io->hwio", taps[::-1], taps[::-1], np.eye(3))
    return upscaler | {"conv_last": last | {"kernel": last["kernel"].at[:, :, :3].set(smooth)}}


def write_start(path: Path, start: Start) -> Path:
    """Write the weights of a start, and return their path."""
    key, model = jax.random.key(0), SRResNet()
    upscaler, random = (initialise(key, model, initialisation=kind) for kind in ("upscaler", "paper"))
    changed = upscaler | {"params": start(upscaler["params"], random["params"])}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_weights(path, Weights(model, changed, {}))
    return path
