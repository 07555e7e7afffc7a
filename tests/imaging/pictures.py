"""What tests of pictures share."""

from pathlib import Path

import numpy as np

import jaxsr
from jaxsr.upscaling.files import upscale_file

# Display P3 to sRGB, both linear (CSS Color 4, section 18).
P3_TO_SRGB = np.array(
    [[1.2249401763, -0.2249401763, 0], [-0.0420569547, 1.0420569547, 0], [-0.0196375546, -0.0786360456, 1.0982736001]]
)


def smooth(height: int, width: int) -> np.ndarray:
    """Colours without edges, [H, W, 3] uint8."""
    rows, columns = np.mgrid[:height, :width]
    waves = [np.sin(rows / 7), np.cos(columns / 9), np.sin((rows + columns) / 11)]
    return np.uint8(127 + 80 * np.stack(waves, -1))


def through(source, target, **options) -> Path:
    """The target, which is the source enlarged four times by bicubic interpolation."""
    upscale_file(jaxsr.load("bicubic"), Path(source), Path(target), **options)
    return Path(target)
