"""Networks as StableHLO for CPU, CUDA and TPU, by `jax.export`, for any image size and without calls to oneDNN."""

import io
import json
import zipfile

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
from numpy.typing import DTypeLike

from jaxsr.export.networks import network
from jaxsr.weights import Weights

PLATFORMS = ("cpu", "cuda", "tpu")
_CARD = "card.json"


class _JaxOperators:
    """`jaxsr.export.operators.Operators` that compute. Images are arrays whose N, H and W may be symbolic.

    Attributes:
      dtype: dtype of constants and images.
    """

    def __init__(self, dtype: DTypeLike):
        self.dtype = np.dtype(dtype)

    def convolution(self, x: jax.Array, kernel: np.ndarray, bias: np.ndarray, *, padded: bool = True) -> jax.Array:
        margins = [(kernel.shape[0] // 2 * padded,) * 2] * 2
        numbers = ("NCHW", "HWIO", "NCHW")
        weights = jnp.asarray(kernel, self.dtype)
        y = jax.lax.conv_general_dilated(x, weights, (1, 1), margins, dimension_numbers=numbers)
        return y + bias.astype(self.dtype)[:, None, None]

    def prelu(self, x: jax.Array, slope: np.ndarray) -> jax.Array:
        return jnp.where(x >= 0, x, x * self._channels(slope))

    def tanh(self, x: jax.Array) -> jax.Array:
        return jnp.tanh(x)

    def affine(self, x: jax.Array, gain: np.ndarray, offset: np.ndarray) -> jax.Array:
        return x * self._channels(gain) + self._channels(offset)

    def add(self, x: jax.Array, y: jax.Array) -> jax.Array:
        return x + y

    def side_by_side(self, images: list[jax.Array]) -> jax.Array:
        return jnp.concatenate(images, axis=1)

    def shuffle(self, x: jax.Array, factor: int) -> jax.Array:
        n, channels, height, width = x.shape
        channels //= factor**2
        x = x.reshape(n, channels, factor, factor, height, width)
        return x.transpose(0, 1, 4, 2, 5, 3).reshape(n, channels, height * factor, width * factor)

    def unshuffle(self, x: jax.Array, factor: int) -> jax.Array:
        n, channels, height, width = x.shape
        height, width = height // factor, width // factor
        x = x.reshape(n, channels, height, factor, width, factor)
        return x.transpose(0, 3, 5, 1, 2, 4).reshape(n, channels * factor**2, height, width)

    def repeat(self, x: jax.Array, factor: int) -> jax.Array:
        n, channels, height, width = x.shape
        x = jnp.broadcast_to(x[:, :, :, None, :, None], (n, channels, height, factor, width, factor))
        return x.reshape(n, channels, height * factor, width * factor)

    def mirrored_around(self, x: jax.Array, margin: int) -> jax.Array:
        for axis in (2, 3):
            length = x.shape[axis]
            first = jax.lax.slice_in_dim(x, 0, margin, axis=axis)
            last = jax.lax.slice_in_dim(x, length - margin, length, axis=axis)
            x = jnp.concatenate([jnp.flip(first, axis), x, jnp.flip(last, axis)], axis)
        return x

    def mirrored_to_multiple(self, x: jax.Array, multiple: int) -> jax.Array:
        for axis in (2, 3):
            last = x.shape[axis] - 1
            index = jnp.arange((last + multiple) // multiple * multiple)
            x = jnp.take(x, jnp.minimum(index, 2 * last - index), axis=axis)
        return x

    def cropped(self, y: jax.Array, x: jax.Array, scale: int) -> jax.Array:
        for axis in (2, 3):
            y = jax.lax.slice_in_dim(y, 0, x.shape[axis] * scale, axis=axis)
        return y

    def _channels(self, values):
        values = np.asarray(values, self.dtype)
        return values[:, None, None] if values.ndim else values


def exported_program(weights: Weights, *, dtype: DTypeLike = np.float32) -> jax.export.Exported:
    """A network as a program from RGB [N, 3, H, W] to RGB [N, 3, H·scale, W·scale], float32 in [0, 1].

    N, H and W are free; H and W are at least 4. The program runs on `PLATFORMS`. JAX reads it for at least six months.

    Args:
      weights: the network.
      dtype: float32 or float16, for computation and for the stored parameters.

    Raises:
      InputError: see `jaxsr.export.networks.network`.
    """
    ops = _JaxOperators(dtype)

    def upscale(images):
        return jnp.clip(network(ops, images.astype(dtype), weights).astype(jnp.float32), 0, 1)

    batch, height, width = jax.export.symbolic_shape("n, h, w", constraints=["h >= 4", "w >= 4"])
    images = jax.ShapeDtypeStruct((batch, 3, height, width), jnp.float32)
    return jax.export.export(jax.jit(upscale), platforms=PLATFORMS)(images)


def with_card(program: bytes, card: dict) -> bytes:
    """A serialised program followed by a zip archive of its card, which `jax.export.deserialize` ignores."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(zipfile.ZipInfo(_CARD), json.dumps(card, sort_keys=True, ensure_ascii=False))
    return program + archive.getvalue()
