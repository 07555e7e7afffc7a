"""From HR crops to training pairs by one of the degradations: `degrade(key, crops) -> LR, HR`."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxsr.data.augmentation import augment
from jaxsr.data.degradation import draws
from jaxsr.data.degradation.bicubic import bicubic_pair
from jaxsr.data.degradation.jpeg import compressed
from jaxsr.data.degradation.kernels import SIDE, filtered
from jaxsr.data.degradation.noise import noisy
from jaxsr.data.degradation.ranges import RANGES, Ranges
from jaxsr.data.degradation.resampling import KERNELS, resampled
from jaxsr.errors import InputError
from jaxsr.imaging.color import signed_from_unit, unit_from_uint8

# A function from a key and crops, or pairs of crops, to LR and HR.
Degrade = Callable[[jax.Array, Any], tuple[jax.Array, jax.Array]]

DEGRADATIONS = ("bicubic", *RANGES)
# Side of JPEG's blocks with 4:2:0, and thus the step between places where a block can begin.
_GRID = 16


def require_degradation(name: str) -> None:
    """Raise `InputError` if no degradation has this name."""
    if name not in DEGRADATIONS:
        raise InputError(f"degradation {name} is unknown: choose {', '.join(DEGRADATIONS)}")


def margin(degradation: str, *, scale: int) -> int:
    """HR pixels on each side of a crop that a degradation reads and then cuts off, a multiple of the scale.

    Raises:
      InputError: the degradation is unknown.
    """
    require_degradation(degradation)
    # Blurs wrap around, so that their half kernels at the edges must be cut off.
    return 0 if degradation == "bicubic" else scale * max(8, -(-(SIDE // 2) // scale))


def make_degradation(name: str, *, scale: int) -> Degrade:
    """Make the pure function that turns crops into training pairs, including flips and quarter turns.

    Args:
      name: "bicubic", MATLAB's reduction alone; "real", tuned on everyday photos; or "wang2021", the published
        ranges.
      scale: the reduction.

    Returns:
      `degrade(key, crops)`. Crops are uint8 [B, S, S, 3]; the results are LR [B, s/scale, s/scale, 3] float32 in [0, 1]
      and HR [B, s, s, 3] float32 in [−1, 1], where s = S − 2 · `margin`.

    Raises:
      InputError: the degradation is unknown.
    """
    if name == "bicubic":
        return lambda key, crops: bicubic_pair(augment(key, crops), scale=scale)
    cut = margin(name, scale=scale)

    def degrade(key, crops):
        turn, draw = jax.random.split(key)
        crops = augment(turn, crops)
        reduced, high = bicubic_pair(crops, scale=scale)
        low = degraded_by(draw, unit_from_uint8(crops), reduced, ranges=RANGES[name], scale=scale)
        return _inside(low, cut // scale), _inside(high, cut)

    return degrade


def make_paired(*, scale: int) -> Degrade:
    """Make the pure function that applies the same flips and quarter turns to both crops of a pair, and no degradation.

    Args:
      scale: HR pixels per LR pixel.

    Returns:
      `degrade(key, crops)`. Crops are {"hr": uint8 [B, s, s, 3], "lr": uint8 [B, s/scale, s/scale, 3]}; the results
      are LR and HR as from `make_degradation`.
    """

    def turned(key, crops):
        low, high = (augment(key, crops[name]) for name in ("lr", "hr"))
        if low.shape[1] * scale != high.shape[1]:
            raise InputError(f"LR crops of {low.shape[1]} pixels do not fit HR crops of {high.shape[1]} at ×{scale}")
        return unit_from_uint8(low), signed_from_unit(unit_from_uint8(high))

    return turned


def degraded_by(key: jax.Array, images: jax.Array, reduced: jax.Array, *, ranges: Ranges, scale: int) -> jax.Array:
    """Make LR images by two rounds of degradation (Wang et al. 2021, Real-ESRGAN, figure 2).

    Args:
      key: random key.
      images: HR [B, S, S, 3] in [0, 1].
      reduced: [B, S/scale, S/scale, 3] in [0, 1], the images only reduced: LR of the crops that stay clean.
      ranges: ranges and probabilities of the rounds, and of what follows.
      scale: the reduction.

    Returns:
      LR of the shape of `reduced`, whole multiples of 1/255. Pixels within `margin` / scale of an edge must not be
      used.
    """
    # Arrays cannot change their size, so each image lies somewhere on a square canvas of fixed size (s = S/scale):
    #
    #   crop S²
    #     blur, resize           → canvas ≥ 1.2·S, and ≥ factor·S + 16 if it can be enlarged, centre at `place`
    #     noise, JPEG
    #     blur, resize           → canvas ≥ factor·s + 16, centre at `middle`
    #     noise, JPEG if `early`
    #     resize                 → a canvas of the same side, exactly s², corner at `start`, centre at `final`
    #     sinc or sharpening, JPEG if not `early`
    #     cut s² at `start`
    #
    # Around the image its last pixels are repeated. Each place is drawn within one block of 16 pixels, so that JPEG's
    # blocks begin at any pixel of the image.
    count, side = images.shape[:2]
    keys = iter(jax.random.split(key, 20))
    first, last = ranges.rounds
    centre = jnp.full((count, 2), (side - 1) / 2)

    blurred = filtered(images, draws.kernels(next(keys), count, first))
    # Without an enlargement less room would do, but with less, `real` would draw other crops than it was tuned on.
    enlarged = first.factor[1] * side + _GRID if first.resize[0] else 0
    canvas = _GRID * math.ceil(max(1.2 * side, enlarged) / _GRID)
    factor = draws.factor(next(keys), count, first)
    _, place = draws.corner(next(keys), count, side, canvas, grid=_GRID)
    x = _resized(next(keys), blurred, factor, canvas, centre, place)
    x = _noisy(next(keys), x, first)
    x = _compressed(next(keys), x, first)

    x = filtered(x, draws.kernels(next(keys), count, last))
    small = reduced.shape[1]
    canvas = _GRID * math.ceil((last.factor[1] * small + _GRID) / _GRID)
    relative = draws.factor(next(keys), count, last)
    _, middle = draws.corner(next(keys), count, small, canvas, grid=_GRID)
    x = _resized(next(keys), x, relative / scale / factor, canvas, place, middle)
    x = _noisy(next(keys), x, last)
    compress = partial(_compressed, next(keys), round=last)
    early = jax.random.bernoulli(next(keys), shape=(count, 1, 1, 1))
    x = jnp.where(early, compress(x), x)
    start, final = draws.corner(next(keys), count, small, canvas, grid=_GRID)
    x = _resized(next(keys), x, 1 / relative, canvas, middle, final)
    x = jnp.clip(filtered(x, draws.last_kernels(next(keys), count, ranges)), 0, 1)

    kind = jax.random.uniform(next(keys), (count, 1, 1, 1))
    clean, plain = kind < ranges.clean, (kind >= ranges.clean) & (kind < ranges.clean + ranges.compressed)
    # Pasted into the degraded surroundings, so that no block at its edge contains the canvas's edge.
    framed = jax.vmap(lambda x, low, at: jax.lax.dynamic_update_slice(x, low, (*at, 0)))(x, reduced, start)
    x = jnp.where(plain, framed, x)
    x = jnp.where(early & ~plain, x, compress(x))
    whole = jnp.round(255 * jax.vmap(lambda x, at: jax.lax.dynamic_slice(x, (*at, 0), (small, small, 3)))(x, start))
    return jnp.where(clean, reduced, whole / 255)


def _resized(key, images, factor, size, centre_in, centre_out):
    kernel = jax.random.randint(key, factor.shape, 0, len(KERNELS))
    resized = resampled(images, factor, kernel, centre_in, centre_out, size=size)
    return jnp.clip(resized, 0, 1)


def _noisy(key, images, round):
    strength, field = jax.random.split(key)
    sigma, poisson, gray = draws.noise(strength, len(images), round)
    return noisy(field, images, sigma, poisson, gray)


def _compressed(key, images, round):
    whether, quality, subsampled = draws.compression(key, len(images), round)
    return jnp.where(whether[:, None, None, None], compressed(images, quality, subsampled), images)


def _inside(images, cut):
    return images[:, cut : images.shape[1] - cut, cut : images.shape[2] - cut]
