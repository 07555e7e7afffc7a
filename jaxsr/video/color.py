"""Conversion between planes of luma and chroma and RGB, in floats. Only the result is rounded.

The formulas are those of ITU-T H.273 (07/2024), section 8.3. libswscale is not used: its 16-bit RGB is up to one 8-bit
level too dark, and it places chroma in the middle of four pixels, where most clips do not have it.
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp

from jaxsr.errors import InputError
from jaxsr.video.planes import PlaneLayout

# K_R and K_B for each of H.273's MatrixCoefficients.
_LUMA = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}
BT709, BT601_625, BT601_525, UNSPECIFIED = 1, 5, 6, 2
# Offsets in samples, and weights, of the cubic kernel (Keys 1981, a = −1/2) for doubling or halving a plane along an
# axis. Co-sited chroma lies on every second pixel, other chroma between two pixels.
_MIDPOINT = ((-1, 0, 1, 2), (-0.0625, 0.5625, 0.5625, -0.0625))
_QUARTER_BEFORE = ((-2, -1, 0, 1), (-0.0234375, 0.2265625, 0.8671875, -0.0703125))
_QUARTER_AFTER = ((-1, 0, 1, 2), (-0.0703125, 0.8671875, 0.2265625, -0.0234375))
_HALVED_COSITED = ((-3, -1, 0, 1, 3), (-0.03125, 0.28125, 0.5, 0.28125, -0.03125))
_HALVED_BETWEEN = (
    (-3, -2, -1, 0, 1, 2, 3, 4),
    (-0.01171875, -0.03515625, 0.11328125, 0.43359375, 0.43359375, 0.11328125, -0.03515625, -0.01171875),
)
_REACH = 4


@dataclass(frozen=True)
class Coding:
    """How luma and chroma stand for RGB.

    Attributes:
      matrix: H.273's MatrixCoefficients, one that has constants K_R and K_B.
      full: whether all values are used; otherwise 16 to 235 (chroma: 240) of 8 bits.
      cosited: whether halved columns of chroma lie on every second pixel, as in MPEG; otherwise between two, as in
        JPEG.
    """

    matrix: int
    full: bool
    cosited: bool


def check_matrix(matrix: int, *, name: str) -> None:
    """Raise `InputError` if this matrix cannot be converted to RGB. `name` is the clip's name."""
    if matrix not in _LUMA:
        raise InputError(
            f"{name}: its colours use H.273's matrix {matrix}, which is not supported; convert the clip with "
            "`ffmpeg -i CLIP -vf scale=out_color_matrix=bt709 …`"
        )


def usual_matrix(size: tuple[int, int]) -> int:
    """The matrix that players assume for a clip of this (height, width) that does not name one."""
    height, width = size
    if width >= 1280 or height > 576:
        return BT709
    return BT601_625 if height == 576 else BT601_525


@partial(jax.jit, static_argnames=("layout", "coding"))
def rgb_from_planes(planes: tuple[jax.Array, ...], layout: PlaneLayout, coding: Coding) -> jax.Array:
    """Convert planes to RGB [H, W, 3], float32 in [0, 1]. Values below black and above white are clipped."""
    samples = [plane.astype(jnp.float32) for plane in planes]
    zero, luma, middle, chroma = _levels(layout, coding)
    if layout.kind == "rgb":
        green, blue, red = ((plane - zero) / luma for plane in samples)
    else:
        red = green = blue = (samples[0] - zero) / luma
    if layout.kind == "yuv":
        height, width = samples[0].shape
        cb, cr = ((_doubled(plane, layout, coding)[:height, :width] - middle) / chroma for plane in samples[1:])
        k_red, k_blue = _LUMA[coding.matrix]
        red = green + 2 * (1 - k_red) * cr
        blue = green + 2 * (1 - k_blue) * cb
        green = (green - k_red * red - k_blue * blue) / (1 - k_red - k_blue)
    return jnp.clip(jnp.stack([red, green, blue], axis=-1), 0.0, 1.0)


@partial(jax.jit, static_argnames=("layout", "coding"))
def planes_from_rgb(rgb: jax.Array, layout: PlaneLayout, coding: Coding) -> tuple[jax.Array, ...]:
    """Convert RGB [H, W, 3], float32 in [0, 1], to planes."""
    zero, luma, middle, chroma = _levels(layout, coding)
    red, green, blue = (rgb[..., channel] for channel in range(3))
    if layout.kind == "rgb":
        return tuple(_rounded(plane * luma + zero, layout) for plane in (green, blue, red))
    k_red, k_blue = _LUMA[coding.matrix]
    y = k_red * red + (1 - k_red - k_blue) * green + k_blue * blue
    planes = [y * luma + zero]
    if layout.kind == "yuv":
        differences = (blue - y) / (2 * (1 - k_blue)), (red - y) / (2 * (1 - k_red))
        planes += [_halved(plane, layout, coding) * chroma + middle for plane in differences]
    return tuple(_rounded(plane, layout) for plane in planes)


def _levels(layout, coding):
    """The level of black, the levels from black to white, the level of zero chroma, and the levels of chroma."""
    step = 2 ** (layout.bits - 8)
    if coding.full:
        return 0, 2**layout.bits - 1, 128 * step, 2**layout.bits - 1
    return 16 * step, 219 * step, 128 * step, 224 * step


def _rounded(plane, layout):
    levels = jnp.clip(jnp.round(plane), 0, 2**layout.bits - 1)
    return levels.astype(jnp.uint8 if layout.bits == 8 else jnp.uint16)


def _doubled(plane, layout, coding):
    rows, columns = layout.halved
    if rows:
        plane = _interleaved(plane, _QUARTER_BEFORE, _QUARTER_AFTER, axis=0)
    if columns:
        phases = (((0,), (1.0,)), _MIDPOINT) if coding.cosited else (_QUARTER_BEFORE, _QUARTER_AFTER)
        plane = _interleaved(plane, *phases, axis=1)
    return plane


def _halved(plane, layout, coding):
    rows, columns = layout.halved
    if rows:
        plane = _filtered(plane, _HALVED_BETWEEN, axis=0, stride=2)
    if columns:
        plane = _filtered(plane, _HALVED_COSITED if coding.cosited else _HALVED_BETWEEN, axis=1, stride=2)
    return plane


def _interleaved(plane, even, odd, *, axis):
    pair = [_filtered(plane, taps, axis=axis, stride=1) for taps in (even, odd)]
    shape = list(plane.shape)
    shape[axis] *= 2
    return jnp.stack(pair, axis=axis + 1).reshape(shape)


def _filtered(plane, taps, *, axis, stride):
    length = plane.shape[axis]
    padding = tuple((_REACH, _REACH) if each == axis else (0, 0) for each in range(2))
    padded = jnp.pad(plane, padding, mode="edge")
    terms = [
        weight * jax.lax.slice_in_dim(padded, _REACH + offset, _REACH + offset + length, stride, axis)
        for offset, weight in zip(*taps, strict=True)
    ]
    return sum(terms)
