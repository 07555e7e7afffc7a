"""Parameters of layers that carry R, G and B through a network and interpolate them.

Those of a convolution are {"kernel": [h, w, C, D], "bias": [D]}. Colours travel in channels 0–2.
"""

import jax
import jax.numpy as jnp
import numpy as np

from jaxsr.imaging.resize import Kernel, resize_matrix

Params = dict[str, jax.Array]


def carry_rgb(conv: Params, *, gain: float = 1.0, bias: float = 0.0) -> Params:
    """The convolution with output channels 0–2 set to gain × input channels 0–2 + bias. Other outputs stay."""
    height, width = conv["kernel"].shape[:2]
    kernel = conv["kernel"].at[..., :3].set(0)
    kernel = kernel.at[height // 2, width // 2, :3, :3].set(gain * jnp.eye(3))
    return {"kernel": kernel, "bias": conv["bias"].at[:3].set(bias)}


def read_rgb(conv: Params, kernel: np.ndarray, *, bias: float) -> Params:
    """The convolution with a kernel [h, w, 3, D] for input channels 0–2 and weight zero for the others."""
    return {
        "kernel": jnp.zeros_like(conv["kernel"]).at[:, :, :3].set(kernel),
        "bias": jnp.full_like(conv["bias"], bias),
    }


def nearest(conv: Params, factor: int) -> Params:
    """A convolution before a pixel shuffle that upscales by nearest neighbour and carries R, G and B.

    All factor² sub-pixels of a channel get the same filter ("ICNR").
    """
    kernel = conv["kernel"][..., :: factor**2]
    carried = carry_rgb({"kernel": kernel, "bias": conv["bias"][:: factor**2]})
    return {name: jnp.repeat(value, factor**2, axis=-1) for name, value in carried.items()}


def twins(conv: Params, count: int, factor: int) -> Params:
    """A convolution before a pixel shuffle whose `count` channels after R, G and B are repeated in the next `count`."""
    first, second, end = (factor**2 * (3 + n * count) for n in (0, 1, 2))
    return {name: value.at[..., second:end].set(value[..., first:second]) for name, value in conv.items()}


def silenced(norm: Params) -> Params:
    """A batch norm {"scale", "bias"} with scale zero."""
    return {**norm, "scale": jnp.zeros_like(norm["scale"])}


def sub_pixels(scale: int, *, kernel: Kernel, side: int = 3, channels: int = 3) -> np.ndarray:
    """The kernel of a convolution that interpolates each channel when a pixel shuffle follows it.

    Args:
      scale: of the pixel shuffle.
      kernel: the interpolation, as in `resize_matrix`; one that reads at most side // 2 pixels around.
      side: of the convolution, odd.
      channels: of the images.

    Returns:
      [side, side, channels, channels·scale²].
    """
    # For each sub-pixel of the middle pixel of a signal as long as the kernel: its weights of the samples.
    middle = side // 2
    taps = resize_matrix(side, scale, kernel=kernel)[middle * scale : (middle + 1) * scale]
    of_one = np.einsum("ih,jw->hwij", taps, taps).reshape(side, side, 1, -1)
    return (of_one[..., None, :] * np.eye(channels)[:, :, None]).reshape(side, side, channels, -1)


def smoothing(scale: int) -> np.ndarray:
    """The 9 taps that turn nearest-neighbour into bilinear upscaling: a box as wide as an LR pixel.

    An even box is half a pixel off the HR grid, so its ends have half the weight.
    """
    taps = np.ones(scale) if scale % 2 else np.convolve(np.ones(scale), (0.5, 0.5))
    return np.pad(taps / scale, (9 - len(taps)) // 2)
