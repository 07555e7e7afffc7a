"""Colour encodings that a file gives by numbers instead of a colour profile, and their conversion to and from sRGB.

Primaries and transfer functions have the numbers of ITU-T H.273.
"""

from dataclasses import dataclass

import numpy as np
import pyvips

from jaxsr.imaging.pixels import SPACES
from jaxsr.imaging.primaries import D65, SRGB_PRIMARIES, C, Primaries, rgb_to_rgb, rgb_to_xyz

_NTSC_1987 = ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), D65)
_PRIMARIES: dict[int, Primaries] = {
    1: SRGB_PRIMARIES,
    4: ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), C),
    5: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), D65),
    6: _NTSC_1987,
    7: _NTSC_1987,
    8: ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), C),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), D65),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), D65),
    22: ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), D65),
}


@dataclass(frozen=True)
class Curve:
    """Transfer function from a sample x in [0, 1] to light in [0, 1].

    Light is (slope · x + offset) ^ exponent, or linear · x where x is below `end`.
    """

    exponent: float
    slope: float = 1.0
    offset: float = 0.0
    linear: float = 0.0
    end: float = 0.0

    def light(self, samples: np.ndarray) -> np.ndarray:
        """The light that samples stand for; both are in [0, 1]."""
        curved = np.power(self.slope * samples + self.offset, self.exponent)
        return np.where(samples < self.end, self.linear * samples, curved)

    def samples(self, light: np.ndarray) -> np.ndarray:
        """The samples that stand for light, both in [0, 1]; the inverse of `light`."""
        curved = (np.power(light, 1 / self.exponent) - self.offset) / self.slope
        return np.where(light < self.linear * self.end, light / (self.linear or 1.0), curved)


SRGB_CURVE = Curve(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_BT709_CURVE = Curve(1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
_CURVES = {
    1: _BT709_CURVE,
    4: Curve(2.2),
    5: Curve(2.8),
    6: _BT709_CURVE,
    8: Curve(1.0),
    13: SRGB_CURVE,
    14: _BT709_CURVE,
    15: _BT709_CURVE,
}
HDR_CURVES = {16: "PQ", 18: "HLG"}


@dataclass(frozen=True)
class Encoding:
    """The meaning of RGB or gray samples.

    Attributes:
      primaries: (x, y) of red, green, blue and white.
      curve: the transfer function from samples to light.

    Raises:
      ValueError: the primaries do not span a colour space.
    """

    primaries: Primaries = SRGB_PRIMARIES
    curve: Curve = SRGB_CURVE

    def __post_init__(self):
        # For its error alone.
        rgb_to_xyz(self.primaries)


SRGB = Encoding()


def encoding_of_numbers(primaries: int, transfer: int) -> Encoding | None:
    """The encoding that two numbers of H.273 name; None if one is unspecified or unsupported (HDR is unsupported)."""
    if primaries not in _PRIMARIES or transfer not in _CURVES:
        return None
    return Encoding(_PRIMARIES[primaries], _CURVES[transfer])


def converted(image: pyvips.Image, source: Encoding, target: Encoding, *, bits: int) -> pyvips.Image:
    """Convert colours from one encoding to another; those outside the target's gamut are clipped.

    Args:
      image: one band or three, "uchar" or "ushort".
      source: its encoding.
      target: that of the result.
      bits: bits per band of the result, 8 or 16.
    """
    count = 256 if image.format == "uchar" else 65536
    light = source.curve.light(np.arange(count) / (count - 1))
    if image.bands == 1 or source.primaries == target.primaries:
        samples = image.maplut(_table(_quantised(target.curve.samples(light), bits)))
    else:
        matrix = rgb_to_rgb(source.primaries, target.primaries)
        mixed = image.maplut(_table(light.astype(np.float32))).recomb(pyvips.Image.new_from_array(matrix.tolist()))
        # The square root of light is quantised, because 16 bits of light itself are too few in the shadows.
        roots = (mixed.clamp() ** 0.5 * 65535).rint().cast("ushort")
        samples = roots.maplut(_table(_quantised(target.curve.samples((np.arange(65536) / 65535) ** 2), bits)))
    return samples.copy(interpretation=SPACES[samples.format, samples.bands])


def _quantised(unit, bits):
    return np.round(np.clip(unit, 0, 1) * (2**bits - 1)).astype(np.uint8 if bits == 8 else np.uint16)


def _table(values):
    return pyvips.Image.new_from_array(values[None])
