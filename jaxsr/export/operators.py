"""The operators from which exported networks are built.

`jaxsr.export.networks` describes each network once, with these operators. There are two implementations of them:
`jaxsr.export.onnx_graph` writes nodes, and `jaxsr.export.jax_program` computes.
"""

from typing import Protocol, TypeVar

import numpy as np

Value = TypeVar("Value")


class Operators(Protocol[Value]):
    """Functions of images [N, C, H, W]. Kernels are [side, side, C, D], slopes [] or [C], all float32."""

    def convolution(self, x: Value, kernel: np.ndarray, bias: np.ndarray, *, padded: bool = True) -> Value:
        """[N, C, H, W] to [N, D, H, W], padded with zeros. Unpadded, H and W shrink by side − 1."""

    def prelu(self, x: Value, slope: np.ndarray) -> Value:
        """x with its negative part multiplied by a slope: one for all channels, or one for each."""

    def tanh(self, x: Value) -> Value:
        """The hyperbolic tangent."""

    def affine(self, x: Value, gain: np.ndarray, offset: np.ndarray) -> Value:
        """x · gain + offset. Gain and offset are [] or [C]."""

    def add(self, x: Value, y: Value) -> Value:
        """The sum of two images of the same shape."""

    def side_by_side(self, images: list[Value]) -> Value:
        """The images concatenated along the channels."""

    def shuffle(self, x: Value, factor: int) -> Value:
        """[N, C·factor², H, W] to [N, C, H·factor, W·factor]; see `jaxsr.models.layers.pixel_shuffle`."""

    def unshuffle(self, x: Value, factor: int) -> Value:
        """[N, C, H·factor, W·factor] to [N, factor²·C, H, W].

        Pixel (i, j) of a square becomes the channels (i·factor + j)·C to (i·factor + j)·C + C − 1.
        """

    def repeat(self, x: Value, factor: int) -> Value:
        """Each pixel factor² times: [N, C, H, W] to [N, C, H·factor, W·factor]."""

    def mirrored_around(self, x: Value, margin: int) -> Value:
        """The image with `margin` mirrored pixels on each side. The outermost pixel is repeated."""

    def mirrored_to_multiple(self, x: Value, multiple: int) -> Value:
        """H and W padded to the next multiple by mirroring about the last pixel, which is not repeated."""

    def cropped(self, y: Value, x: Value, scale: int) -> Value:
        """The top left part of y, `scale` times as high and wide as x."""
