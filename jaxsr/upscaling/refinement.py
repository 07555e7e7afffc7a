"""Refinements around a network that need no training: self-ensemble, colour lock and back-projection.

All work on images [H, W, C] inside the compiled tile program. Each reads a bounded neighbourhood, given by `reach` in
LR pixels, so that the result in tiles equals that of the whole image.
"""

import dataclasses
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxsr.errors import InputError
from jaxsr.imaging.resize import gaussian_matrix, resize

# Half the width of MATLAB's bicubic kernel in LR pixels, both for reducing (antialiased) and for enlarging.
_BICUBIC_REACH = 2
# Wide enough to leave texture unchanged, which spans a few LR pixels, and narrow enough to follow light and shade.
_LOCK_SIGMA = 4.0
_LOCK_REACH = math.ceil(3 * _LOCK_SIGMA)


@dataclasses.dataclass(frozen=True)
class Refinement:
    """The refinements to apply, in this order.

    Attributes:
      self_ensemble: average the network over the 8 flips and turns of the input (Lim et al. 2017, EDSR, section 3.3).
      color_lock: replace the low frequencies of the result by those of the input.
      back_project: iterations of back-projection (Irani & Peleg 1991); 0 for none.

    Raises:
      InputError: the number of iterations is negative.
    """

    self_ensemble: bool = False
    color_lock: bool = False
    back_project: int = 0

    def __post_init__(self):
        if self.back_project < 0:
            raise InputError(f"back-project {self.back_project}: the number of iterations cannot be negative")

    @property
    def reach(self) -> int:
        """LR pixels beyond the network's own halo that an output pixel depends on."""
        locked = _LOCK_REACH + 2 * _BICUBIC_REACH if self.color_lock else 0
        return locked + 2 * _BICUBIC_REACH * self.back_project

    def apply(self, upscale: Callable[[jax.Array], jax.Array], lr: jax.Array, *, scale: int) -> jax.Array:
        """`upscale(lr)` with these refinements.

        Args:
          upscale: the network, from [H, W, 3] in [0, 1] to [H·scale, W·scale, 3] in about [0, 1], not clipped, as is
            what is returned.
          lr: [H, W, 3] in [0, 1].
          scale: output pixels per input pixel of the network.
        """
        sr = self_ensembled(upscale, lr) if self.self_ensemble else upscale(lr)
        if self.color_lock:
            sr = color_locked(sr, lr, scale=scale)
        for _ in range(self.back_project):
            sr = back_projected(sr, lr, scale=scale)
        return sr


def self_ensembled(upscale: Callable[[jax.Array], jax.Array], lr: jax.Array) -> jax.Array:
    """The mean of the network's results for the 8 flips and turns of [H, W, C], each turned back."""
    total = 0.0
    for turns in range(4):
        for mirrored in (False, True):
            turned = jnp.rot90(lr[:, ::-1] if mirrored else lr, turns)
            answer = jnp.rot90(upscale(turned), -turns)
            total += answer[:, ::-1] if mirrored else answer
    return total / 8


def back_projected(sr: jax.Array, lr: jax.Array, *, scale: int) -> jax.Array:
    """One iteration of back-projection: add the enlarged difference between the input and the reduced result.

    Both resizes use the bicubic kernel of the evaluation. With more iterations, the reduced result converges to the
    input.

    Args:
      sr: a result, [H·scale, W·scale, C] in about [0, 1], not clipped, as is what is returned.
      lr: the input, [H, W, C] in [0, 1].
      scale: output pixels per input pixel.
    """
    return sr + resize(lr - resize(sr, 1 / scale), scale)


def color_locked(sr: jax.Array, lr: jax.Array, *, scale: int) -> jax.Array:
    """A result with its low frequencies, by a Gaussian of 4 LR pixels, replaced by those of the input.

    Arguments and result are those of `back_projected`.
    """
    difference = lr - resize(sr, 1 / scale)
    rows, columns = (
        jnp.asarray(gaussian_matrix(length, sigma=_LOCK_SIGMA, reach=_LOCK_REACH), sr.dtype) for length in lr.shape[:2]
    )
    low = jnp.einsum("ih,hwc,jw->ijc", rows, difference, columns, precision=jax.lax.Precision.HIGHEST)
    return sr + resize(low, scale)
