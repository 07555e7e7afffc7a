"""A convolution, its sum with an array, and a bias, with the gradients that `jaxsr.kernels.choice` chooses on a CPU."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxsr.kernels import onednn, winograd
from jaxsr.kernels.choice import case_of, chosen, setting
from jaxsr.kernels.input_gradient import input_gradient
from jaxsr.kernels.partitioning import can_split, images_added, images_apart, images_summed
from jaxsr.kernels.weight_gradient import weight_gradient

_NUMBERS = ("NHWC", "HWIO", "NHWC")
# XLA compiles a product with fewer rows to a slow loop.
_ROWS_OF_ONES = 16


def convolved(
    x: jax.Array, kernel: jax.Array, *, stride: int = 1, may_tile: bool = False, dtype: Any = jnp.float32
) -> jax.Array:
    """A convolution with padding k // 2 on each side.

    Args:
      x: [N, H, W, C].
      kernel: [k, k, C, D], k odd.
      stride: stride along both axes.
      may_tile: see `jaxsr.kernels.Convolution`.
      dtype: dtype of computation and result. x and the kernel are converted to it first, with one exception: if x
        is bfloat16, dtype is float32, the stride is 1 and oneDNN is available, x and its gradient stay bfloat16.

    Returns:
      [N, ⌈H/stride⌉, ⌈W/stride⌉, D].

    Raises:
      ValueError: the kernel is not square, its sides are even, or its channels are not those of x.
    """
    _require_fit(x, kernel)
    if not _ours(x) or not x.size or not kernel.size:
        return _by_xla(x.astype(dtype), kernel.astype(dtype), stride)
    if x.dtype == jnp.bfloat16 and dtype == jnp.float32 and stride == 1 and onednn.takes(x.dtype):
        return _convolved(x, kernel, stride, may_tile)
    return _convolved(x.astype(dtype), kernel.astype(dtype), stride, may_tile)


def added(x: jax.Array, kernel: jax.Array, y: jax.Array, *, stride: int = 1, may_tile: bool = False) -> jax.Array:
    """y plus the convolution of x. oneDNN writes the sum to the memory of y.

    Args:
      x: [N, H, W, C], of the dtype of y.
      kernel: [k, k, C, D] of the same dtype, k odd.
      y: [N, ⌈H/stride⌉, ⌈W/stride⌉, D].
      stride: stride along both axes.
      may_tile: see `jaxsr.kernels.Convolution`.

    Returns:
      An array of the shape and dtype of y.

    Raises:
      ValueError: the arrays do not fit each other.
    """
    _require_fit(x, kernel)
    result = (x.shape[0], *(-(-side // stride) for side in x.shape[1:3]), kernel.shape[3])
    if y.shape != result or not x.dtype == kernel.dtype == y.dtype:
        parts = ", ".join(f"{part.dtype} {part.shape}" for part in (x, kernel, y))
        raise ValueError(f"images, kernel and sum do not fit: {parts}; the sum must have the shape {result}")
    if not _ours(x) or not x.size or not kernel.size or chosen("forward", case_of(x, kernel, stride, False)) == "xla":
        return y + convolved(x, kernel, stride=stride, may_tile=may_tile, dtype=x.dtype)
    return _added(x, kernel, y, stride, may_tile)


def biased(y: jax.Array, bias: jax.Array) -> jax.Array:
    """y [N, H, W, D] plus a float32 bias [D]. The gradient of the bias is summed in float32."""
    return _biased(y, bias) if _ours(y) else y + bias.astype(y.dtype)


def _require_fit(x, kernel):
    if x.ndim != 4 or kernel.ndim != 4 or x.shape[3] != kernel.shape[2]:
        # oneDNN would end the process instead of raising an error.
        raise ValueError(f"images {x.shape} do not fit a kernel {kernel.shape}")
    if kernel.shape[0] != kernel.shape[1] or kernel.shape[0] % 2 == 0:
        raise ValueError(f"the kernel {kernel.shape} has no pixel in its middle: its sides must be equal and odd")


def _ours(x):
    return setting() != "xla" and can_split(x)


def _by_xla(x, kernel, stride):
    edges = [(kernel.shape[0] // 2,) * 2] * 2
    return lax.conv_general_dilated(x.astype(kernel.dtype), kernel, (stride, stride), edges, dimension_numbers=_NUMBERS)


def _forward(x, kernel, stride, may_tile):
    by_xla = partial(_by_xla, stride=stride)
    by_onednn = images_apart(partial(onednn.convolved, stride=stride))
    on_cpu = {
        "xla": by_xla,
        "onednn": lambda x, kernel: by_onednn(x.astype(kernel.dtype), kernel),
        "winograd": images_apart(winograd.convolved),
        "two kernels": _by_two_kernels,
    }[chosen("forward", case_of(x, kernel, stride, may_tile))]
    return by_xla(x, kernel) if on_cpu is by_xla else lax.platform_dependent(x, kernel, cpu=on_cpu, default=by_xla)


def _by_two_kernels(x, kernel):
    near = kernel.astype(x.dtype)
    kernels = jnp.concatenate([near, (kernel - near).astype(x.dtype)], axis=-1)
    convolve = images_apart(partial(onednn.convolved, dtype=jnp.float32))
    return sum(jnp.split(convolve(x, kernels), 2, axis=-1))


def _forward_added(x, kernel, y, stride, may_tile):
    del may_tile
    on_cpu = images_added(lambda x, kernel, y: onednn.convolved(x, kernel, stride=stride, onto=y))
    by_xla = lambda x, kernel, y: y + _by_xla(x, kernel, stride)  # noqa: E731
    return lax.platform_dependent(x, kernel, y, cpu=on_cpu, default=by_xla)


def _backward(stride, may_tile, saved, gradient):
    x, kernel = saved
    # For bfloat16 images and a float32 kernel, a CPU computes the gradients from values rounded to bfloat16.
    case, short = case_of(x, kernel, stride, may_tile), x.dtype
    rounded = lambda gradient: gradient.astype(short)  # noqa: E731
    to_x = lax.platform_dependent(
        gradient,
        cpu=lambda gradient: _input_gradient(case, x, kernel.astype(short), rounded(gradient), stride),
        default=lambda gradient: _input_gradient_by_xla(x, kernel, gradient, stride),
    )
    to_kernel = lax.platform_dependent(
        x,
        gradient,
        cpu=lambda x, gradient: _weight_gradient(case, x, kernel.astype(short), rounded(gradient), stride),
        default=lambda x, gradient: _weight_gradient_by_xla(x, kernel, gradient, stride),
    )
    return to_x, to_kernel.astype(kernel.dtype)


_convolved = jax.custom_vjp(_forward, nondiff_argnums=(2, 3))
_convolved.defvjp(lambda x, kernel, *how: (_forward(x, kernel, *how), (x, kernel)), _backward)
_added = jax.custom_vjp(_forward_added, nondiff_argnums=(3, 4))
_added.defvjp(
    lambda x, kernel, y, *how: (_forward_added(x, kernel, y, *how), (x, kernel)),
    lambda *given: (*_backward(*given), given[-1]),
)


def _input_gradient(case, x, kernel, gradient, stride):
    match chosen("input gradient", case):
        case "xla":
            return _input_gradient_by_xla(x, kernel, gradient, stride)
        case "turned xla":
            return _by_xla(gradient, kernel[::-1, ::-1].swapaxes(2, 3), 1)
        case "winograd":
            made = partial(winograd.convolved, turned=True)
        case _:
            made = partial(input_gradient, stride=stride)
    return images_apart(made)(gradient, kernel)[:, : x.shape[1], : x.shape[2]]


def _weight_gradient(case, x, kernel, gradient, stride):
    kind = chosen("weight gradient", case)
    if kind == "xla":
        return _weight_gradient_by_xla(x, kernel, gradient, stride)
    by_products = partial(weight_gradient, side=kernel.shape[0], stride=stride, flat=kind == "flat products")
    if not onednn.takes(x.dtype):
        # These are XLA's products. XLA can split them among devices itself.
        return by_products(x, gradient)
    return images_summed(by_products)(x, gradient)


def _input_gradient_by_xla(x, kernel, gradient, stride):
    (to_x,) = jax.vjp(lambda x: _by_xla(x, kernel, stride), x)[1](gradient)
    return to_x


def _weight_gradient_by_xla(x, kernel, gradient, stride):
    (to_kernel,) = jax.vjp(lambda kernel: _by_xla(x, kernel, stride), kernel)[1](gradient)
    return to_kernel.astype(jnp.float32)


def _bias_gradient(_, gradient):
    def by_xla(gradient):
        return lax.reduce(gradient, gradient.dtype.type(0), lax.add, (0, 1, 2)).astype(jnp.float32)

    def by_product(gradient):
        pixels = gradient.reshape(-1, gradient.shape[-1])
        ones = jnp.ones((_ROWS_OF_ONES, len(pixels)), pixels.dtype)
        return lax.dot(ones, pixels, preferred_element_type=jnp.float32)[0]

    # XLA compiles a bfloat16 sum to a slow loop on a CPU.
    cpu = by_product if gradient.dtype == jnp.bfloat16 else by_xla
    return gradient, lax.platform_dependent(gradient, cpu=cpu, default=by_xla)


_biased = jax.custom_vjp(lambda y, bias: y + bias.astype(y.dtype))
_biased.defvjp(lambda y, bias: (_biased(y, bias), None), _bias_gradient)
