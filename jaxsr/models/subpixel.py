"""A convolution after a pixel shuffle, on a CPU made before it.

What a kernel does to an image [H·f, W·f, C] that comes out of a pixel shuffle, a smaller one with f² times the inputs
and outputs does to what goes into it, [H, W, C·f²]. There is no large image to write, and SRResNet's last convolution,
whose three outputs fill a quarter of a processor's registers, has twelve, at 1.23 times the products. Milliseconds with
AMX (Intel), float32: 90 and 65 for 256×256 to 512×512 on two cores; both gradients of eight crops of 96×96 on one, 108
and 59. Accelerators keep the plain program.
"""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from jaxsr.models.layers import pixel_shuffle, torch_uniform

_NUMBERS = ("NHWC", "HWIO", "NHWC")


class ConvAfterShuffle(nn.Module):
    """A pixel shuffle and a convolution with bias in float32, padding "SAME"; parameters as of `flax.linen.Conv`.

    Attributes:
      features: outputs.
      side: of the kernel, odd.
      factor: of the pixel shuffle.
      conv_general_dilated: as of `flax.linen.Conv`.
    """

    features: int
    side: int
    factor: int
    conv_general_dilated: Callable = lax.conv_general_dilated

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """[N, H, W, C·factor²] to [N, H·factor, W·factor, features] float32."""
        inputs = x.shape[-1] // self.factor**2
        kernel = self.param("kernel", torch_uniform, (self.side, self.side, inputs, self.features), jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        return _shuffled_and_convolved(x, kernel, self.factor, self.conv_general_dilated) + bias


def kernel_before_shuffle(kernel: jax.Array, factor: int) -> jax.Array:
    """The kernel whose convolution, and then a pixel shuffle, is the shuffle and then the convolution with this one.

    Args:
      kernel: [k, k, C, D], k odd.
      factor: of the pixel shuffle.

    Returns:
      [n, n, C·factor², D·factor²] with n = 2·⌈(k // 2) / factor⌉ + 1; zeros where it reaches beyond the given one.
    """
    side, _, inputs, outputs = kernel.shape
    reach = -(-(side // 2) // factor)
    blocks = 2 * reach + 1
    # Of outputs at offset a in their block, inputs begin a pixels later.
    room = factor * reach - side // 2

    def moved(kernel, axis):
        pads = ((room + a, blocks * factor - side - room - a) for a in range(factor))
        parts = [jnp.pad(kernel, [pad if n == axis else (0, 0) for n in range(kernel.ndim)]) for pad in pads]
        return jnp.stack(parts, axis=-1)

    whole = moved(moved(kernel, 0), 1).reshape(blocks, factor, blocks, factor, inputs, outputs, factor, factor)
    whole = whole.transpose(0, 2, 4, 1, 3, 5, 6, 7)
    return whole.reshape(blocks, blocks, inputs * factor**2, outputs * factor**2)


def _after(x, kernel, factor, convolve):
    return convolve(pixel_shuffle(x, factor).astype(jnp.float32), kernel, (1, 1), "SAME", dimension_numbers=_NUMBERS)


def _before(x, kernel, factor, convolve):
    # Of factor 3 the products would be 2.8 times as many.
    if factor != 2:
        return _after(x, kernel, factor, convolve)
    kernel = kernel_before_shuffle(kernel, factor)
    return pixel_shuffle(convolve(x.astype(jnp.float32), kernel, (1, 1), "SAME", dimension_numbers=_NUMBERS), factor)


def _shuffled_and_convolved(x, kernel, *how):
    return lax.platform_dependent(x, kernel, cpu=lambda *a: _before(*a, *how), default=lambda *a: _after(*a, *how))
