"""MATLAB's `imresize` as one dense weight matrix per axis, exact on the CPU and inside compiled steps alike.

The kernel is Keys' cubic with a = −0.5 (Keys 1981, "Cubic convolution interpolation for digital image processing").
When shrinking, it is widened by 1/scale (antialiasing). Weights are normalised. Borders are mirrored (current MATLAB)
or clamped (MATLAB of 2015 and before).
"""

import math
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from jaxsr.errors import InputError

Kernel = Literal["nearest", "bilinear", "bicubic"]
Border = Literal["mirror", "clamp"]


def _cubic(x):
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def _triangle(x):
    return np.maximum(1 - np.abs(x), 0.0)


def _box(x):
    return np.where((x >= -0.5) & (x < 0.5), 1.0, 0.0)


_KERNELS = {"nearest": (_box, 1.0), "bilinear": (_triangle, 2.0), "bicubic": (_cubic, 4.0)}


def resize_matrix(length: int, scale: float, *, kernel: Kernel = "bicubic", border: Border = "mirror") -> np.ndarray:
    """The matrix A for which A @ x is `imresize` of a signal x.

    Args:
      length: number of input samples.
      scale: output samples per input sample; the output has `ceil(length * scale)` samples.
      kernel: interpolation kernel; all but "nearest" are antialiased when scale < 1.
      border: what lies beyond the ends: the signal mirrored, or its last sample repeated.

    Returns:
      [ceil(length * scale), length] float64; each row sums to 1.
    """
    source, weights = resize_taps(length, scale, kernel=kernel, border=border)
    return _matrix(source, weights, length)


def gaussian_matrix(length: int, *, sigma: float, reach: int) -> np.ndarray:
    """The matrix A for which A @ x is a signal x, blurred by a Gaussian that ends at `reach`; borders are mirrored.

    Returns:
      [length, length] float64; each row sums to 1.
    """
    taps = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (taps / sigma) ** 2)
    return _matrix(_mirrored(np.arange(length)[:, None] + taps, length), weights / weights.sum(), length)


def _matrix(source, weights, length):
    matrix = np.zeros((len(source), length))
    np.add.at(matrix, (np.arange(len(source))[:, None], source), weights)
    return matrix


def _mirrored(taps, length):
    place = taps % (2 * length)
    return np.minimum(place, 2 * length - 1 - place)


def resize_taps(
    length: int,
    scale: float,
    *,
    kernel: Kernel = "bicubic",
    border: Border = "mirror",
    part: tuple[int, int] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """`resize_matrix` in sparse form: for each output sample, the input samples that it reads and their weights.

    Args:
      length: number of input samples.
      scale: output samples per input sample.
      kernel: interpolation kernel.
      border: what lies beyond the ends.
      part: (start, stop) of the output samples; None for all. The tables take about 50 bytes per tap while they are
        made, so a long signal is better resized in parts.

    Returns:
      The indices and the weights, [stop − start, taps] each. An index can occur several times in a row.
    """
    function, _ = _KERNELS[kernel]
    # The product can land a hair above an integer (3 * (1/3) is exact, 100 * 0.07 is not).
    start, stop = part or (0, math.ceil(round(length * scale, 9)))
    centre, first, count, shrink = _windows(np.arange(start, stop), scale, kernel)
    taps = first[:, None] + np.arange(count)
    weights = function(shrink * (centre[:, None] - taps))
    weights = weights / weights.sum(axis=1, keepdims=True)
    return _mirrored(taps, length) if border == "mirror" else np.clip(taps, 0, length - 1), weights


def resize_reach(length: int, scale: float, part: tuple[int, int], *, kernel: Kernel = "bicubic") -> tuple[int, int]:
    """(start, stop) of the input samples that cover what output samples `part` read.

    From one part to the next neither end decreases, which the samples of non-zero weight do not promise.
    """
    _, first, count, _ = _windows(np.array([part[0], part[1] - 1]), scale, kernel)
    return max(int(first[0]), 0), min(int(first[1]) + count, length)


def _windows(samples, scale, kernel):
    """Of output samples: centres and first taps in the input, the number of taps, and how far the kernel is widened."""
    shrink = min(scale, 1.0) if kernel != "nearest" else 1.0
    reach = _KERNELS[kernel][1] / shrink
    centre = (samples + 0.5) / scale - 0.5
    return centre, np.floor(centre - reach / 2).astype(int), math.ceil(reach) + 2, shrink


def resize_uint8(
    image: np.ndarray, scale: float, *, kernel: Kernel = "bicubic", border: Border = "mirror"
) -> np.ndarray:
    """`imresize` of a uint8 image, bit for bit as in MATLAB.

    MATLAB resizes the height first and then the width. It rounds and clips to uint8 after each.

    Args:
      image: [H, W] or [H, W, C] uint8.
      scale: output pixels per input pixel on both axes.
      kernel: interpolation kernel.
      border: "mirror" for current MATLAB, "clamp" for MATLAB of 2015 and before.

    Returns:
      [ceil(H * scale), ceil(W * scale)] (and C) uint8.
    """
    tall = to_uint8(_apply(resize_matrix(image.shape[0], scale, kernel=kernel, border=border), image, 0))
    return to_uint8(_apply(resize_matrix(image.shape[1], scale, kernel=kernel, border=border), tall, 1))


def _apply(matrix, image, axis):
    return np.moveaxis(np.tensordot(matrix, image.astype(np.float64), axes=(1, axis)), 0, axis)


def to_uint8(image: np.ndarray) -> np.ndarray:
    """Levels as uint8, clipped and rounded as in MATLAB: halves away from zero."""
    # Sums of exact halves carry an error of about 1e-14, so round that off first.
    return np.clip(np.floor(np.round(image, 9) + 0.5), 0, 255).astype(np.uint8)


def resize(images: jax.Array, scale: float, *, kernel: Kernel = "bicubic", border: Border = "mirror") -> jax.Array:
    """`imresize` of float images as two matrix products, for use inside compiled functions.

    Nothing is rounded or clipped. Apart from its two roundings, `resize_uint8` gives the same result.

    Args:
      images: [..., H, W, C] float.
      scale: output pixels per input pixel on both axes; static under jit.
      kernel: interpolation kernel.
      border: what lies beyond the edges.

    Returns:
      [..., ceil(H * scale), ceil(W * scale), C] of the same dtype.

    Raises:
      InputError: the images are integers, which cannot represent the weights.
    """
    if not jnp.issubdtype(images.dtype, jnp.floating):
        raise InputError(f"an array of {images.dtype} cannot be resized: give floats, or uint8 to resize_uint8")
    height, width = images.shape[-3:-1]
    rows = jnp.asarray(resize_matrix(height, scale, kernel=kernel, border=border), images.dtype)
    columns = jnp.asarray(resize_matrix(width, scale, kernel=kernel, border=border), images.dtype)
    # Full precision, because the default of some accelerators would lose two decimal digits of the picture.
    return jnp.einsum("ih,...hwc,jw->...ijc", rows, images, columns, precision=jax.lax.Precision.HIGHEST)


def doubled(images: jax.Array) -> jax.Array:
    """Double the size by bilinear interpolation, with the last pixels repeated beyond the edges.

    Equals PyTorch's `interpolate(scale_factor=2, mode="bilinear", align_corners=False)` and libjpeg's upsampling of
    chroma.

    Args:
      images: [N, H, W] or [N, H, W, C] float.

    Returns:
      [N, 2H, 2W] or [N, 2H, 2W, C] of the same dtype.
    """
    dtype = images.dtype
    # In bfloat16 XLA's CPU backend would convert after each sum. The gradient would take 15 times as long.
    images = images.astype(jnp.float32)
    for axis in (1, 2):
        count = images.shape[axis]
        part = partial(jax.lax.slice_in_dim, images, axis=axis)
        before = jnp.concatenate([part(0, 1), part(0, count - 1)], axis)
        after = jnp.concatenate([part(1, count), part(count - 1, count)], axis)
        pairs = jnp.stack([0.75 * images + 0.25 * before, 0.75 * images + 0.25 * after], axis + 1)
        images = pairs.reshape(*images.shape[:axis], 2 * count, *images.shape[axis + 1 :])
    return images.astype(dtype)
