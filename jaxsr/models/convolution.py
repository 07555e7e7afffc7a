"""Convolutions for training that are made of matrix products where that pays on a CPU.

XLA's CPU backend takes three to five times as long for a weight gradient as for the convolution itself: products take
its place. In narrow vectors (AVX2) the body's 3×3 convolutions take half the time by `winograd`: with both, and large
pages (jaxsr/training/memory.py; in small ones Winograd gains nothing), an SRResNet update takes 1.15 to 1.54 s instead
of 1.57 to 2.08 (16 crops of 96×96, two devices on two AVX2 cores, float32, three runs in turns), and an SRGAN update
7.0 to 8.2 instead of 8.9 to 10.0; what they cost is compilation, 30 s instead of 13. With AVX-512 (Zen 5) XLA's
convolutions reach 220 GFLOP/s on a core, all that it has, and nothing is left for Winograd to gain: the update takes
0.44 s without and 0.54 with it. In bfloat16, for which its convolutions have no more speed than in float32, products do
have it (770 GFLOP/s in place of 360 on two cores): convolutions with at least as many outputs as inputs, with AMX all,
are made of them too (the body's 1.1 ms in place of 1.6, eight crops on one core), and the update takes 0.39 s in place
of 0.44. On accelerators the program is XLA's own.

Milliseconds of XLA and by products, of 16 crops, in narrow vectors: weight gradients of the upsampling convolutions,
with more outputs than inputs, 346 and 178 at 48×48, 46 and 30 at 24×24; of the last one, with three outputs, 240 to 290
and 173; of the body's, 34 and 10. Forward convolutions of the body, 12 and 6.

Milliseconds with AMX (Intel), of eight crops on one core, 64 channels to 256 at 48×48: the weight gradient 148 with
images that each product has to turn, and 81 with images turned once, in float32; 75 and 22 in bfloat16. There XLA's
convolution takes 49 and the rows' product 24; back, from 256 channels to 64, 47 and the taps' product 20.

What did not pay: Winograd where its tiles do not fit the caches (64 to 256 channels at 48×48: 165 and 181 in small
pages; 113 and 77 in large ones, not tried in a whole update), in bands by a loop (a loop of XLA's costs more than it
saves), F(4×4, 3×3) (1.2 times the time of F(2×2, 3×3)), and for a single picture (6 s more of compilation; 256×256
pixels take as long); weight gradients as nine products instead of three (0.8 to 1.3 of their time) or one of nine
shifts (1.1), forward convolutions as products of shifts (up to three times XLA's time), the weight gradient as a
convolution of transposed images (0.9 to 1.5); oneDNN's convolutions in XLA (the same but for the last one); in bfloat16
one product of all nine shifts (twice the time of three), and on Zen 5 convolutions with fewer outputs than inputs by
rows (1.3; by taps they were not tried there); of convolutions that halve an image, the weight gradient as products (in
float32 0.8 to 1.7 of XLA's time) and the input gradient as one convolution to four times the channels (0.5 at 96×96,
else 1.7 and more); with AMX, float32 products as three of bfloat16 (1.1 to 1.7), and the last convolution made before
the pixel shuffle, of twelve outputs in place of three (by itself 65 ms in place of 90 for 256×256 to 512×512, and 59 in
place of 108 for its gradients, but a whole update and a whole picture no more than two runs differ by); on a GPU
(H200), where the last convolution goes by Fourier transforms and takes 2.5 of an update's 6.3 ms, five outputs of zeros
beside its three (143 updates a second in place of 148).
"""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxsr.models import winograd
from jaxsr.models.processor import processor_features

_NUMBERS = ("NHWC", "HWIO", "NHWC")
# Fewer are not worth the transforms, and with many they are worth it however large the tiles.
_FEWEST_CHANNELS, _MANY_CHANNELS = 16, 128
# Of the tiles of all devices together, so that results do not depend on their number; more leave two cores' caches.
_MOST_TILE_BYTES = 2**25
# Known before the first trace, as the platform is.
_AVX512 = "avx512f" in processor_features()
_BFLOAT16 = bool(processor_features() & {"avx512_bf16", "amx_bf16"})
_AMX = "amx_bf16" in processor_features()


def conv_general_dilated(x: jax.Array, kernel: jax.Array, strides: Any, padding: Any, **options) -> jax.Array:
    """`lax.conv_general_dilated` for `flax.linen.Conv(conv_general_dilated=…)`, of a kind that pays on a CPU.

    Args:
      x: [N, H, W, C].
      kernel: [k, k, C, D], k odd.
      strides: ones.
      padding: "SAME".
      options: of `lax.conv_general_dilated`, with their defaults: neither dilation nor groups, NHWC and HWIO.

    Raises:
      ValueError: anything else.

    There is a derivative in reverse mode only.
    """
    options.pop("dimension_numbers", None)
    defaults = {"lhs_dilation": (1, 1), "rhs_dilation": (1, 1), "feature_group_count": 1}
    changed = {name: value for name, value in options.items() if value not in (None, defaults.get(name))}
    square = kernel.shape[0] == kernel.shape[1] and kernel.shape[0] % 2 == 1
    if not square or changed or tuple(strides) != (1, 1) or padding != "SAME":
        raise ValueError(f"kernel {kernel.shape}, strides {strides}, padding {padding}, options {changed}")
    return _convolved(x, kernel)


def program_kind() -> tuple[bool, ...] | None:
    """What the programs made here depend on beside their code; None on accelerators, whose programs are all alike.

    Programs of different kinds exchange different numbers, so processes that train together must have the same.
    """
    return (_AVX512, _BFLOAT16, _AMX) if jax.default_backend() == "cpu" else None


def _by_xla(x, kernel):
    return lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=_NUMBERS)


def _convolve(x, kernel):
    if _products_pay(x, kernel):
        by_products = _by_rows if kernel.shape[2] <= kernel.shape[3] else _by_taps
        return lax.platform_dependent(x, kernel, cpu=by_products, default=_by_xla)
    if not _tiles_pay(x, kernel):
        return _by_xla(x, kernel)
    return lax.platform_dependent(x, kernel, cpu=winograd.convolved, default=_by_xla)


_convolved = jax.custom_vjp(_convolve)


def _backward(saved, gradient):
    x, kernel = saved
    by_xla = partial(_input_gradient_by_xla, x=x, kernel=kernel)
    to_x = lax.platform_dependent(gradient, cpu=partial(_turned, kernel=kernel), default=by_xla)
    by_products = partial(_kernel_gradient_by_products, kernel=kernel)
    by_xla = partial(_kernel_gradient_by_xla, kernel=kernel)
    to_kernel = lax.platform_dependent(x, gradient, cpu=by_products, default=by_xla)
    return to_x, to_kernel.astype(kernel.dtype)


_convolved.defvjp(lambda x, kernel: (_convolve(x, kernel), (x, kernel)), _backward)


def _tiles_pay(x, kernel):
    """Whether Winograd's tiles save more than it takes to write and read them."""
    side, _, inputs, outputs = kernel.shape
    tile_bytes = 16 * math.prod(x.shape[:3]) * (inputs + outputs)
    few = min(inputs, outputs)
    if _AVX512 or side != 3 or few < _FEWEST_CHANNELS:
        return False
    return few >= _MANY_CHANNELS or tile_bytes <= _MOST_TILE_BYTES


def _products_pay(x, kernel):
    """Whether the processor's bfloat16 units save more than it takes to move images or products about."""
    inputs, outputs = kernel.shape[2:]
    few = min(inputs, outputs) < _FEWEST_CHANNELS
    return _BFLOAT16 and x.dtype == jnp.bfloat16 and not few and (_AMX or inputs <= outputs)


def _by_rows(x, kernel):
    """Images shifted by each column of the kernel side by side, one product for all its rows, and the rows' sum."""
    (_, height, width, inputs), (side, _, _, outputs), edge = x.shape, kernel.shape, kernel.shape[0] // 2
    padded = jnp.pad(x, ((0, 0), (edge, edge), (edge, edge), (0, 0)))
    columns = jnp.concatenate([padded[:, :, j : j + width] for j in range(side)], axis=-1)
    rows = kernel.transpose(1, 2, 0, 3).reshape(side * inputs, side * outputs)
    products = lax.dot_general(columns, rows, (((3,), (0,)), ((), ())), preferred_element_type=jnp.float32)
    parts = [products[:, i : i + height, :, i * outputs : (i + 1) * outputs] for i in range(side)]
    return sum(parts).astype(x.dtype)


def _by_taps(x, kernel):
    """One product of the images for all pixels of the kernel, and the sum of its shifted parts."""
    (_, height, width, inputs), (side, _, _, outputs), edge = x.shape, kernel.shape, kernel.shape[0] // 2
    padded = jnp.pad(x, ((0, 0), (edge, edge), (edge, edge), (0, 0)))
    taps = kernel.transpose(2, 0, 1, 3).reshape(inputs, side * side * outputs)
    products = lax.dot_general(padded, taps, (((3,), (0,)), ((), ())), preferred_element_type=jnp.float32)
    places = [(i, j) for i in range(side) for j in range(side)]
    parts = zip(places, jnp.split(products, len(places), axis=3), strict=True)
    return sum(part[:, i : i + height, j : j + width] for (i, j), part in parts).astype(x.dtype)


def _turned(gradient, *, kernel):
    """The input gradient: of a convolution with an odd kernel it is the convolution with the turned one."""
    return _convolve(gradient, kernel[::-1, ::-1].swapaxes(2, 3))


def _input_gradient_by_xla(gradient, *, x, kernel):
    (to_x,) = jax.vjp(lambda x: _by_xla(x, kernel), x)[1](gradient)
    return to_x


def _kernel_gradient_by_products(x, gradient, *, kernel):
    side, _, inputs, outputs = kernel.shape
    if inputs >= outputs and _tiles_pay(x, kernel):
        return winograd.kernel_gradient(x, gradient)
    # Those with fewer channels are shifted: towards the pixel that a gradient is of, or away from it.
    if inputs < outputs:
        return _shifted_products(x, gradient, range(side))
    return _shifted_products(gradient, x, range(side - 1, -1, -1)).swapaxes(2, 3)


def _kernel_gradient_by_xla(x, gradient, *, kernel):
    (to_kernel,) = jax.vjp(lambda kernel: _by_xla(x, kernel), kernel)[1](gradient)
    return to_kernel.astype(jnp.float32)


def _shifted_products(shifted, fixed, shifts):
    """Images [N, H, W, C], shifted by each two shifts, times others [N, H, W, D]: [k, k, C, D].

    The channels of the first go outermost once, in place of in each product; those of a row of shifts are one product.
    """
    (_, height, width, channels), side, edge = shifted.shape, len(shifts), len(shifts) // 2
    padded = jnp.pad(shifted.transpose(3, 0, 1, 2), ((0, 0), (0, 0), (edge, edge), (edge, edge)))
    pixels, rows = fixed.reshape(-1, fixed.shape[-1]), []
    for i in shifts:
        parts = [padded[:, :, i : i + height, j : j + width] for j in shifts]
        columns = jnp.concatenate(parts).reshape(side * channels, -1)
        rows.append(lax.dot(columns, pixels, preferred_element_type=jnp.float32))
    return jnp.stack(rows).reshape(side, side, channels, -1)
