"""Primary colours, and the matrices between linear colour spaces with different primaries."""

from collections.abc import Sequence

import numpy as np

Point = tuple[float, float]
# (x, y) of red, green, blue and white.
Primaries = tuple[Point, Point, Point, Point]
D65, C = (0.3127, 0.3290), (0.310, 0.316)
SRGB_PRIMARIES: Primaries = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), D65)
# The reference white of colour profiles, as their headers give it.
D50_XYZ = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def xyz(point: Point) -> np.ndarray:
    """CIE XYZ of a chromaticity, with Y = 1."""
    x, y = point
    return np.array([x / y, 1.0, (1 - x - y) / y])


def rgb_to_xyz(primaries: Sequence[Point]) -> np.ndarray:
    """The matrix [3, 3] from linear RGB to CIE XYZ in which white has Y = 1 (SMPTE RP 177).

    Raises:
      ValueError: the primaries do not span a colour space.
    """
    if any(y <= 0 for _, y in primaries):
        raise ValueError("a primary colour has no luminance")
    directions = np.stack([xyz(point) for point in primaries[:3]], axis=1)
    if abs(np.linalg.det(directions)) < 1e-6:
        raise ValueError("the primary colours lie on a line")
    return directions * np.linalg.solve(directions, xyz(primaries[3]))


def adaptation(white: np.ndarray, to: np.ndarray) -> np.ndarray:
    """The matrix [3, 3] from XYZ under one white to XYZ under another, by Bradford's method (ICC.1:2010, annex E)."""
    gains = (_BRADFORD @ to) / (_BRADFORD @ white)
    return np.linalg.solve(_BRADFORD, gains[:, None] * _BRADFORD)


def rgb_to_rgb(source: Primaries, target: Primaries) -> np.ndarray:
    """The matrix [3, 3] from linear RGB to linear RGB with other primaries; white stays white."""
    adapted = adaptation(xyz(source[3]), xyz(target[3])) @ rgb_to_xyz(source)
    return np.linalg.solve(rgb_to_xyz(target), adapted)
