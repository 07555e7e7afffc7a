"""Blur kernels of many shapes, one for each image of a batch, and their convolution with the images."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from jaxsr.data.degradation.products import exact_einsum

# Side of all kernels; smaller ones are surrounded by zeros (Wang et al. 2021, Real-ESRGAN, section 4.1).
SIDE = 21
_OFFSETS = np.arange(SIDE) - SIDE // 2


def gaussian_family(
    sigma: jax.Array, angle: jax.Array, power: jax.Array, plateau: jax.Array, side: jax.Array
) -> jax.Array:
    """Gaussian, generalised Gaussian and plateau-shaped kernels (Wang et al. 2021, section 3.1, blur).

    Let q be the squared Mahalanobis distance from the centre. A kernel is either exp(−qᵖ/2), which is a Gaussian for
    p = 1, or 1/(1 + qᵖ), which is flat in the middle.

    Args:
      sigma: [B, 2] standard deviations along the two axes of the ellipse, in pixels.
      angle: [B] angle between the first axis and the horizontal, in radians.
      power: [B] the exponent p.
      plateau: [B] bool, whether to use the second form.
      side: [B] side of the square outside of which the kernel is zero, in pixels; odd, at most `SIDE`.

    Returns:
      [B, SIDE, SIDE] float32, each summing to 1.
    """
    cosine, sine = jnp.cos(angle)[:, None, None], jnp.sin(angle)[:, None, None]
    x, y = jnp.float32(_OFFSETS)[None, None, :], jnp.float32(_OFFSETS)[None, :, None]
    first, second = (sigma[:, i, None, None] for i in (0, 1))
    q = ((cosine * x + sine * y) / first) ** 2 + ((cosine * y - sine * x) / second) ** 2
    raised = jnp.maximum(q, 1e-12) ** power[:, None, None]
    values = jnp.where(plateau[:, None, None], 1 / (1 + raised), jnp.exp(-raised / 2))
    return _cut(values, side)


def sinc(cutoff: jax.Array, side: jax.Array) -> jax.Array:
    """Circular low-pass filters, which ring like sharpening and compression (Wang et al. 2021, section 3.3).

    Args:
      cutoff: [B] cutoff frequency in radians per pixel, up to π.
      side: see `gaussian_family`.

    Returns:
      [B, SIDE, SIDE] float32, each summing to 1.
    """
    radius = np.hypot(_OFFSETS[:, None], _OFFSETS[None, :]).astype(np.float32)
    cutoff = cutoff[:, None, None]
    away = cutoff * _bessel_j1(cutoff * radius) / (2 * np.pi * np.maximum(radius, 0.5))
    return _cut(jnp.where(radius == 0, cutoff**2 / (4 * np.pi), away), side)


def sharpening(amount: jax.Array, sigma: jax.Array) -> jax.Array:
    """Unsharp masking as a kernel: the image plus `amount` times its difference from a Gaussian blur.

    The formula is that of Gonzalez and Woods, Digital Image Processing, "Unsharp Masking and Highboost Filtering".

    Args:
      amount: [B] strength; 0 changes nothing.
      sigma: [B] standard deviation of the Gaussian in pixels.

    Returns:
      [B, SIDE, SIDE] float32, each summing to 1.
    """
    ones = jnp.ones_like(sigma)
    blur = gaussian_family(jnp.stack([sigma, sigma], -1), 0 * sigma, ones, ones < 0, SIDE * ones.astype(int))
    return (1 + amount)[:, None, None] * identity(len(sigma)) - amount[:, None, None] * blur


def identity(count: int) -> jax.Array:
    """`count` kernels that change nothing, [count, SIDE, SIDE]."""
    centre = (_OFFSETS[:, None] == 0) & (_OFFSETS[None, :] == 0)
    return jnp.broadcast_to(jnp.float32(centre), (count, SIDE, SIDE))


def filtered(images: jax.Array, kernels: jax.Array) -> jax.Array:
    """Convolve each image with its own kernel, in the frequency domain.

    The images wrap around, so up to SIDE // 2 pixels at each edge must not be used.

    Args:
      images: [B, H, W, C] float32, H and W even and at least `SIDE`.
      kernels: [B, SIDE, SIDE].

    Returns:
      The same shape.
    """
    # Fourier transforms are written as matrix products, because XLA partitions those over a mesh, but not FFTs.
    height, width = images.shape[1:3]
    down, across = (_fourier(side, np.arange(side)) for side in (height, width))
    half = width // 2 + 1
    across = across[:, :, :half]
    planes = images.transpose(0, 3, 1, 2)
    real, imaginary = _turned(down, *(exact_einsum("bchw,wf->bchf", planes, part) for part in across), "bchf,hg->bcgf")
    response = _response(kernels, height, width, half)
    real, imaginary = real * response[0] - imaginary * response[1], real * response[1] + imaginary * response[0]
    real, imaginary = _turned((down[0], -down[1]), real, imaginary, "bcgf,gh->bchf")
    # The frequencies that are not computed are the conjugates of the computed ones.
    twice = np.where((np.arange(half) == 0) | (2 * np.arange(half) == width), 1, 2) / (height * width)
    back = (across * np.float32(twice)).transpose(0, 2, 1)
    filtered = exact_einsum("bchf,fw->bchw", real, back[0]) + exact_einsum("bchf,fw->bchw", imaginary, back[1])
    return filtered.transpose(0, 2, 3, 1)


def _response(kernels, height, width, half):
    down, across = (_fourier(side, _OFFSETS) for side in (height, width))
    rows = (exact_einsum("byx,xf->byf", kernels, part[:, :half]) for part in across)
    return [part[:, None] for part in _turned(down, *rows, "byf,yg->bgf")]


def _fourier(side, places):
    """Real and imaginary parts of the Fourier matrix from these places to all frequencies, [2, places, side]."""
    angles = 2 * np.pi * np.outer(places, np.arange(side)) / side
    return np.stack([np.cos(angles), -np.sin(angles)]).astype(np.float32)


def _turned(matrix, real, imaginary, axes):
    """A complex product, computed with real products."""
    (a, b), product = matrix, partial(exact_einsum, axes)
    return product(real, a) - product(imaginary, b), product(real, b) + product(imaginary, a)


def _cut(values, side):
    half = (side // 2)[:, None, None]
    inside = (np.abs(_OFFSETS)[:, None] <= half) & (np.abs(_OFFSETS)[None, :] <= half)
    values = jnp.where(inside, values, 0)
    return values / values.sum(axis=(1, 2), keepdims=True)


def _bessel_j1(x):
    """J₁ from Bessel's integral (Abramowitz & Stegun 9.1.21) by the trapezoidal rule, exact to float32 for |x| < 50."""
    angles = (np.arange(64) + 0.5) * np.pi / 64
    return sum(jnp.cos(angle - x * np.sin(angle)) for angle in angles.astype(np.float32)) / 64
