"""The random choices of a degradation, one for each image of a batch."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxsr.data.degradation.kernels import SIDE, gaussian_family, identity, sharpening, sinc
from jaxsr.data.degradation.ranges import Ranges, Round

# Places in `Round.shapes`.
_ANISOTROPIC, _GENERALISED, _PLATEAU, _SINC = (1, 3, 5), (2, 3), (4, 5), 6
_SMALLEST_SIDE = 7


def kernels(key: jax.Array, count: int, round: Round) -> jax.Array:
    """Draw blur kernels [count, SIDE, SIDE] of the round's shapes, widths and angles, 7 to 21 pixels wide."""
    keys = iter(jax.random.split(key, 8))
    shapes = jnp.log(jnp.array(round.shapes))
    shape = jax.random.categorical(next(keys), shapes, shape=(count,))
    side = _sides(next(keys), count)
    sigma = _uniform(next(keys), (count, 2), round.sigma)
    sigma = jnp.where(_is(shape, _ANISOTROPIC)[:, None], sigma, sigma[:, :1])
    angle = _uniform(next(keys), (count,), (-np.pi, np.pi))
    power = jnp.where(
        _is(shape, _GENERALISED),
        _around_one(next(keys), count, round.power),
        jnp.where(_is(shape, _PLATEAU), _around_one(next(keys), count, round.plateau_power), 1.0),
    )
    blurs = gaussian_family(sigma, angle, power, _is(shape, _PLATEAU), side)
    lowpass = sinc(_cutoff(next(keys), side), side)
    drawn = jnp.where((shape == _SINC)[:, None, None], lowpass, blurs)
    return _sometimes(next(keys), round.blur, drawn)


def last_kernels(key: jax.Array, count: int, ranges: Ranges) -> jax.Array:
    """Draw the filters [count, SIDE, SIDE] at the end of a degradation: a sinc, unsharp masking, or the identity."""
    ring, widths, cutoffs, sharpen, amounts, sigmas = jax.random.split(key, 6)
    side = _sides(widths, count)
    low = _uniform(cutoffs, (count,), (np.pi / 3, np.pi))
    drawn = _sometimes(ring, ranges.last_sinc, sinc(low, side))
    sharp = sharpening(_uniform(amounts, (count,), ranges.sharpening_amount), _uniform(sigmas, (count,), (0.5, 2.0)))
    return jnp.where(_chance(sharpen, count, ranges.sharpening)[:, None, None], sharp, drawn)


def factor(key: jax.Array, count: int, round: Round) -> jax.Array:
    """Draw resizing factors [count]: above 1, below 1, or 1."""
    which, amount = jax.random.split(key)
    direction = jax.random.categorical(which, jnp.log(jnp.array(round.resize)), shape=(count,))
    low, high = round.factor
    share = jax.random.uniform(amount, (count,))
    return jnp.select([direction == 0, direction == 1], [1 + share * (high - 1), low + share * (1 - low)], 1.0)


def noise(key: jax.Array, count: int, round: Round) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Draw, [count] each: the deviation of Gaussian noise, the scale of Poisson noise, and whether noise is gray."""
    whether, kind, sigma, scale, color = jax.random.split(key, 5)
    noisy = _chance(whether, count, round.noise)
    gaussian = _chance(kind, count, round.gaussian)
    sigma = jnp.where(noisy & gaussian, _uniform(sigma, (count,), round.sigma_noise), 0.0)
    scale = jnp.where(noisy & ~gaussian, _uniform(scale, (count,), round.poisson), 0.0)
    return sigma, scale, _chance(color, count, round.gray_noise)


def compression(key: jax.Array, count: int, round: Round) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Draw, [count] each: whether to compress, the quality (a whole number), and whether to use 4:2:0."""
    whether, quality, subsampled = jax.random.split(key, 3)
    return (
        _chance(whether, count, round.jpeg),
        jnp.round(_uniform(quality, (count,), round.quality)),
        _chance(subsampled, count, round.subsampled),
    )


def corner(key: jax.Array, count: int, side: int, canvas: int, *, grid: int) -> tuple[jax.Array, jax.Array]:
    """Draw where an image of `side` pixels lies on a square of `canvas` pixels: its corner and its centre, [count, 2].

    It is moved by less than one step of the grid of blocks, so that blocks can begin at any pixel of the image. It is
    aligned with the canvas's pixels, because an odd side in the very middle would be interpolated halfway between them.
    """
    start = (canvas - side) // 2 + jax.random.randint(key, (count, 2), 0, grid) - grid // 2
    return start, start + (side - 1) / 2


def _sides(key, count):
    return 2 * jax.random.randint(key, (count,), _SMALLEST_SIDE // 2, SIDE // 2 + 1) + 1


def _cutoff(key, side):
    # Small filters with a low cutoff would only darken and blur (from the code of Wang et al. 2021).
    low = jnp.where(side < 13, np.pi / 3, np.pi / 5)
    return low + jax.random.uniform(key, side.shape) * (np.pi - low)


def _around_one(key, count, ends):
    """Values [count] that are below 1 as often as above."""
    side, amount = jax.random.split(key)
    share = jax.random.uniform(amount, (count,))
    below, above = ends[0] + share * (1 - ends[0]), 1 + share * (ends[1] - 1)
    return jnp.where(_chance(side, count, 0.5), below, above)


def _is(shape, places):
    return jnp.isin(shape, jnp.array(places))


def _uniform(key, shape, ends):
    return jax.random.uniform(key, shape, minval=ends[0], maxval=ends[1])


def _chance(key, count, probability):
    return jax.random.uniform(key, (count,)) < probability


def _sometimes(key, probability, drawn):
    count = len(drawn)
    return jnp.where(_chance(key, count, probability)[:, None, None], drawn, identity(count))
