"""Conversion of PyAV's frames to arrays, one for each plane, and back."""

from dataclasses import dataclass
from typing import Literal

import av
import numpy as np

# A frame's planes: [H, W] each, chroma [H/2, W/2], [H, W/2] or [H, W] rounded up; uint8, or uint16 above 8 bits.
Planes = tuple[np.ndarray, ...]

_SUBSAMPLING = {"420": (True, True), "422": (False, True), "444": (False, False)}


@dataclass(frozen=True)
class PlaneLayout:
    """The layout of a frame's planes.

    Attributes:
      kind: yuv for luma, Cb and Cr; rgb for G, B and R; gray for luma.
      bits: bits of a sample.
      halved: whether chroma has half the rows, and half the columns.
    """

    kind: Literal["yuv", "rgb", "gray"]
    bits: int
    halved: tuple[bool, bool]

    @property
    def name(self) -> str:
        """FFmpeg's name of the pixel format."""
        depth = "" if self.bits == 8 else f"{self.bits}le"
        if self.kind == "yuv":
            sampling = next(name for name, halved in _SUBSAMPLING.items() if halved == self.halved)
            return f"yuv{sampling}p{depth}"
        return {"rgb": "gbrp", "gray": "gray"}[self.kind] + depth


def layout_of(format: av.VideoFormat) -> PlaneLayout:
    """The layout to which a pixel format is converted, without loss of bits or chroma. Transparency is dropped."""
    components = [component for component in format.components if not component.is_alpha]
    most = max(component.bits for component in components)
    bits = next((bits for bits in (8, 10, 12, 16) if bits >= most), 16)
    if format.is_rgb or format.has_palette or format.is_bayer:
        return PlaneLayout("rgb", bits, (False, False))
    if len(components) == 1:
        return PlaneLayout("gray", bits, (False, False))
    halved = (format.chroma_height(4) <= 2, format.chroma_width(4) <= 2)
    return PlaneLayout("yuv", bits, halved if halved in _SUBSAMPLING.values() else (False, False))


def planes_of(frame: av.VideoFrame, layout: PlaneLayout) -> Planes:
    """Copies of a frame's planes, in a layout that `layout_of` gives for its pixel format."""
    # yuvj420p is another name of yuv420p; a conversion by swscale would change it to limited range.
    if frame.format.name.replace("yuvj", "yuv") != layout.name:
        frame = frame.reformat(format=layout.name)
    return tuple(_samples(plane, layout)[:, : plane.width].copy() for plane in frame.planes)


def frame_of(planes: Planes, layout: PlaneLayout) -> av.VideoFrame:
    """A frame with these planes."""
    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, layout.name)
    for plane, samples in zip(frame.planes, planes, strict=True):
        _samples(plane, layout)[:, : plane.width] = samples
    return frame


def _samples(plane, layout):
    """A view of a plane's memory as [rows, columns with padding]."""
    return np.frombuffer(plane, np.uint8 if layout.bits == 8 else np.uint16).reshape(plane.height, -1)
