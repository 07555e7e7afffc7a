"""The operators that networks for other programs are made of.

`jaxsr.export.networks` says once what a network does; `jaxsr.export.onnx_graph` and `jaxsr.export.jax_program` are two
sets of these operators, of which one writes nodes and the other computes.
"""

from typing import Protocol, TypeVar

import numpy as np

Value = TypeVar("Value")


class Operators(Protocol[Value]):
    """Functions of images [N, C, H, W]; kernels are [side, side, C, D] and slopes [] or [C], float32."""

    def convolution(self, x: Value, kernel: np.ndarray, bias: np.ndarray, *, padded: bool = True) -> Value:
        """[N, C, H, W] to [N, D, H, W], zeros around; unpadded, the result is side − 1 smaller on both axes."""

    def prelu(self, x: Value, slope: np.ndarray) -> Value:
        """The negative part of x, times a slope for all channels or for each."""

    def tanh(self, x: Value) -> Value:
        """The hyperbolic tangent."""

    def affine(self, x: Value, gain: np.ndarray, offset: np.ndarray) -> Value:
        """x · gain + offset, [] or [C] each."""

    def add(self, x: Value, y: Value) -> Value:
        """The sum of two images of one shape."""

    def side_by_side(self, images: list[Value]) -> Value:
        """The channels of several images, one after another."""

    def shuffle(self, x: Value, factor: int) -> Value:
        """[N, C·factor², H, W] to [N, C, H·factor, W·factor]; see `jaxsr.models.layers.pixel_shuffle`."""

    def unshuffle(self, x: Value, factor: int) -> Value:
        """[N, C, H·factor, W·factor] to [N, factor²·C, H, W].

        Pixel (i, j) of a square becomes the channels (i·factor + j)·C to (i·factor + j)·C + C − 1.
        """

    def repeat(self, x: Value, factor: int) -> Value:
        """Each pixel factor² times: [N, C, H, W] to [N, C, H·factor, W·factor]."""

    def mirrored_around(self, x: Value, margin: int) -> Value:
        """The image and its mirrored outermost pixels, each side's `margin` of them; the last pixel comes twice."""

    def mirrored_to_multiple(self, x: Value, multiple: int) -> Value:
        """Height and width up to the next multiple, by pixels mirrored about the last one, which comes once."""

    def cropped(self, y: Value, x: Value, scale: int) -> Value:
        """The top left of y: `scale` times as high and wide as x."""
