"""Convolutions by oneDNN on an x86 processor, and their weight gradients by products on any CPU.

XLA's CPU backend convolves in float32 whatever the dtype. On accelerators the program is XLA's own.

Milliseconds of XLA's convolution and oneDNN's, eight crops on one core of an Intel with AMX: the body's, 64 channels at
24×24, 2.5 and 2.1 in float32, 2.6 and 0.3 in bfloat16; 64 to 256 channels at 48×48, 50 and 48, 60 and 6.7; 256 to 64,
47 and 37, 59 and 4.9; the last one, 9×9 with three outputs at 96×96, 31 and 83 in float32, so that it stays XLA's, and
of images in bfloat16 and a kernel in float32, 36 and 8.3 by two kernels of bfloat16 (without AMX, on an AMD with Zen 4,
40 and 51, so that it stays XLA's there too). Gradients: jaxsr/models/input_gradient.py and weight_gradient.py; many
channels in float32: winograd.py. Whole programs, before and after and beside PyTorch's: benchmarks/README.md.

What did not pay: forward convolutions as products of shifts (up to three times XLA's time); with AMX, float32 as three
products of bfloat16 (1.1 to 1.7), and the last convolution made before the pixel shuffle, of twelve outputs in place of
three (whole programs gained nothing); on a GPU (H200), where the last convolution goes by Fourier transforms and takes
2.5 of an update's 6.3 ms, five outputs of zeros beside its three (143 updates a second in place of 148).
"""

from functools import partial
from itertools import accumulate
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from jaxsr.models import onednn, winograd
from jaxsr.models.input_gradient import input_gradient
from jaxsr.models.layers import torch_uniform
from jaxsr.models.partitioning import can_split, images_added, images_apart, images_summed
from jaxsr.models.weight_gradient import weight_gradient

_NUMBERS = ("NHWC", "HWIO", "NHWC")
# With fewer outputs oneDNN takes three times as long as XLA in float32.
_FEWEST_OUTPUTS = 16


class Convolution(nn.Module):
    """`flax.linen.Conv` of a square kernel that is centred on its pixels, made the way that pays on the processor.

    Parameters are "kernel" [side, side, C, features] and "bias" [features], float32. With strides the padding is that
    of PyTorch, side // 2 on each side. There is a first derivative in reverse mode only.

    Attributes:
      features: output channels.
      side: of the kernel, odd.
      stride: along both axes.
      use_bias: whether there is a bias.
      may_tile: whether the rounding of a pixel may depend on where in the image it is, as with Winograd's algorithm,
        which is then used where it pays; where parts of a picture have to equal the whole, it may not.
      dtype: dtype of computation and of the result.
    """

    features: int
    side: int
    stride: int = 1
    use_bias: bool = True
    may_tile: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *more: jax.Array) -> jax.Array:
        """[N, H, W, C] to [N, ⌈H/stride⌉, ⌈W/stride⌉, features].

        Of several arrays what would come of them side by side, [N, H, W, C + C₁ + …]: by a part of the kernel each,
        each result added to the one before it, which is quicker than putting them side by side.
        """
        parts = (x, *more)
        ends = list(accumulate(part.shape[-1] for part in parts))
        kernel = self.param("kernel", torch_uniform, (self.side, self.side, ends[-1], self.features), jnp.float32)
        kernels = jnp.split(kernel, ends[:-1], axis=2) if more else [kernel]
        y = convolved(x, kernels[0], stride=self.stride, may_tile=self.may_tile, dtype=self.dtype)
        for part, of_part in zip(more, kernels[1:], strict=True):
            y = _added(part.astype(self.dtype), of_part.astype(self.dtype), y, self.stride, self.may_tile)
        if not self.use_bias:
            return y
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        return _biased(y, bias) if can_split(y) else y + bias.astype(y.dtype)


def convolved(
    x: jax.Array, kernel: jax.Array, *, stride: int = 1, may_tile: bool = False, dtype: Any = jnp.float32
) -> jax.Array:
    """What `Convolution` does before the bias.

    Args:
      x: [N, H, W, C].
      kernel: [k, k, C, D], k odd.
      stride: see `Convolution`.
      may_tile: likewise.
      dtype: likewise; x and the kernel are rounded to it first. On a CPU the gradients of short images, bfloat16 with a
        result in float32, are made from one that is rounded to bfloat16.

    Returns:
      [N, ⌈H/stride⌉, ⌈W/stride⌉, D].

    Raises:
      ValueError: the kernel is not square, its sides are even, or x does not fit it.
    """
    if x.ndim != 4 or kernel.ndim != 4 or x.shape[3] != kernel.shape[2]:
        # oneDNN would end the process.
        raise ValueError(f"images {x.shape} do not fit a kernel {kernel.shape}")
    if kernel.shape[0] != kernel.shape[1] or kernel.shape[0] % 2 == 0:
        raise ValueError(f"the kernel {kernel.shape} has no pixel in its middle: its sides must be equal and odd")
    if not can_split(x) or not x.size or not kernel.size:
        return _by_xla(x.astype(dtype), kernel.astype(dtype), stride)
    if x.dtype == jnp.bfloat16 and dtype == jnp.float32 and stride == 1 and onednn.takes(x.dtype):
        return _convolved_exactly(x, kernel)
    return _convolved(x.astype(dtype), kernel.astype(dtype), stride, may_tile)


def program_kind() -> list[str] | None:
    """What the programs made here depend on beside their code; None on accelerators, whose programs are all alike.

    Programs of different kinds may exchange different numbers, so processes that train together must have the same.
    """
    return [*sorted(onednn.DTYPES), *(["AMX"] if onednn.AMX else [])] if jax.default_backend() == "cpu" else None


def _by_xla(x, kernel, stride):
    edges = [(kernel.shape[0] // 2,) * 2] * 2
    return lax.conv_general_dilated(x, kernel, (stride, stride), edges, dimension_numbers=_NUMBERS)


def _convolve(x, kernel, stride, may_tile):
    by_xla = partial(_by_xla, stride=stride)
    if not onednn.takes(x.dtype) or _few(x, kernel.shape[3]):
        return by_xla(x, kernel)
    by_tiles = may_tile and winograd.pays(x, kernel, stride=stride)
    by_onednn = winograd.convolved if by_tiles else partial(onednn.convolved, stride=stride)
    return lax.platform_dependent(x, kernel, cpu=images_apart(by_onednn), default=by_xla)


def _convolve_onto(x, kernel, y, stride, may_tile):
    """The convolution, added to y; in y's memory where oneDNN makes it."""
    if not can_split(x) or not x.size or not kernel.size or not onednn.takes(x.dtype) or _few(x, kernel.shape[3]):
        return y + convolved(x, kernel, stride=stride, may_tile=may_tile, dtype=x.dtype)
    on_cpu = images_added(lambda x, kernel, y: onednn.convolved(x, kernel, stride=stride, onto=y))
    by_xla = lambda x, kernel, y: y + _by_xla(x, kernel, stride)  # noqa: E731
    return lax.platform_dependent(x, kernel, y, cpu=on_cpu, default=by_xla)


def _few(x, outputs):
    return x.dtype == jnp.float32 and outputs < _FEWEST_OUTPUTS


def _backward(stride, may_tile, saved, gradient):
    x, kernel = saved
    how = {"kernel": kernel, "stride": stride}
    by_tiles = may_tile and winograd.pays(x, kernel, stride=stride)
    on_cpu = partial(_input_gradient_on_cpu, x=x, **how, by_tiles=by_tiles)
    to_x = lax.platform_dependent(gradient, cpu=on_cpu, default=partial(_input_gradient_by_xla, x=x, **how))
    on_cpu = partial(_kernel_gradient_on_cpu, **how, by_tiles=by_tiles)
    to_kernel = lax.platform_dependent(x, gradient, cpu=on_cpu, default=partial(_kernel_gradient_by_xla, **how))
    return to_x, to_kernel.astype(kernel.dtype)


_convolved = jax.custom_vjp(_convolve, nondiff_argnums=(2, 3))
_convolved.defvjp(lambda x, kernel, *how: (_convolve(x, kernel, *how), (x, kernel)), _backward)
_added = jax.custom_vjp(_convolve_onto, nondiff_argnums=(3, 4))
_added.defvjp(
    lambda x, kernel, y, *how: (_convolve_onto(x, kernel, y, *how), (x, kernel)),
    lambda *given: (*_backward(*given), given[-1]),
)


def _convolve_exactly(x, kernel):
    """Of images in bfloat16 and a kernel in float32, which is two of bfloat16."""
    return lax.platform_dependent(
        x, kernel, cpu=_by_two_kernels if onednn.AMX else _in_float32_on_cpu, default=_in_float32
    )


def _by_two_kernels(x, kernel):
    near = kernel.astype(x.dtype)
    kernels = jnp.concatenate([near, (kernel - near).astype(x.dtype)], axis=-1)
    convolve = images_apart(partial(onednn.convolved, dtype=jnp.float32))
    return sum(jnp.split(convolve(x, kernels), 2, axis=-1))


def _in_float32(x, kernel):
    return _by_xla(x.astype(jnp.float32), kernel, 1)


def _in_float32_on_cpu(x, kernel):
    x = x.astype(jnp.float32)
    return _by_xla(x, kernel, 1) if _few(x, kernel.shape[3]) else images_apart(onednn.convolved)(x, kernel)


def _backward_exactly(saved, gradient):
    x, kernel = saved
    by_products = images_summed(partial(weight_gradient, side=kernel.shape[0]))
    to_x = lax.platform_dependent(
        gradient,
        cpu=lambda gradient: images_apart(input_gradient)(gradient.astype(x.dtype), kernel.astype(x.dtype)),
        default=lambda gradient: jax.vjp(lambda x: _in_float32(x, kernel), x)[1](gradient)[0],
    )
    to_kernel = lax.platform_dependent(
        x,
        gradient,
        cpu=lambda x, gradient: by_products(x, gradient.astype(x.dtype)),
        default=lambda x, gradient: jax.vjp(lambda kernel: _in_float32(x, kernel), kernel)[1](gradient)[0],
    )
    return to_x, to_kernel


_convolved_exactly = jax.custom_vjp(_convolve_exactly)
_convolved_exactly.defvjp(lambda x, kernel: (_convolve_exactly(x, kernel), (x, kernel)), _backward_exactly)


def _bias_gradient(_, gradient):
    def by_xla(gradient):
        return lax.reduce(gradient, gradient.dtype.type(0), lax.add, (0, 1, 2)).astype(jnp.float32)

    def by_product(gradient):
        pixels = gradient.reshape(-1, gradient.shape[-1])
        ones = jnp.ones((_FEWEST_OUTPUTS, len(pixels)), pixels.dtype)
        return lax.dot(ones, pixels, preferred_element_type=jnp.float32)[0]

    # Of a sum in bfloat16 XLA makes a slow loop on a CPU, and of a product with one row too.
    cpu = by_product if gradient.dtype == jnp.bfloat16 else by_xla
    return gradient, lax.platform_dependent(gradient, cpu=cpu, default=by_xla)


_biased = jax.custom_vjp(lambda y, bias: y + bias.astype(y.dtype))
_biased.defvjp(lambda y, bias: (_biased(y, bias), None), _bias_gradient)


def _input_gradient_on_cpu(gradient, *, x, kernel, stride, by_tiles):
    side = kernel.shape[0]
    if onednn.takes(x.dtype) and not _few(x, kernel.shape[2]) and side >= 2 * stride - 1:
        made = partial(winograd.convolved, turned=True) if by_tiles else partial(input_gradient, stride=stride)
        return images_apart(made)(gradient, kernel)[:, : x.shape[1], : x.shape[2]]
    if stride > 1:
        return _input_gradient_by_xla(gradient, x=x, kernel=kernel, stride=stride)
    return _by_xla(gradient, kernel[::-1, ::-1].swapaxes(2, 3), 1)


def _kernel_gradient_on_cpu(x, gradient, *, kernel, stride, by_tiles):
    by_products = partial(weight_gradient, side=kernel.shape[0], stride=stride)
    if onednn.takes(x.dtype):
        return images_summed(winograd.kernel_gradient if by_tiles else by_products)(x, gradient)
    if stride > 1:
        return _kernel_gradient_by_xla(x, gradient, kernel=kernel, stride=stride)
    return by_products(x, gradient)


def _input_gradient_by_xla(gradient, *, x, kernel, stride):
    (to_x,) = jax.vjp(lambda x: _by_xla(x, kernel, stride), x)[1](gradient)
    return to_x


def _kernel_gradient_by_xla(x, gradient, *, kernel, stride):
    (to_kernel,) = jax.vjp(lambda kernel: _by_xla(x, kernel, stride), kernel)[1](gradient)
    return to_kernel.astype(jnp.float32)
