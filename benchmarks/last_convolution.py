"""SRResNet's last convolution, 9×9 from 64 channels to three, computed in other ways: what a GPU takes for each.

    python benchmarks/last_convolution.py [--batch-size 64] [--crop 96] [--rounds 5] [--json FILE]

The input is bfloat16, as training in bfloat16 has it, and the result is float32, against banding. Forward and both
gradients are one program. All ways are compared with the first, then timed in turns:

- `float32`: one convolution in float32, the network's way
- `twelve outputs`: before the pixel shuffle, from 256 channels at half the size to the three colours of four pixels
- `two kernels`: the kernel as the sum of two in bfloat16, which make six outputs, with sums in float32;
  its gradients are in bfloat16
- `both`: twenty-four outputs before the pixel shuffle
"""

from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from comparison import in_turns, on_gpu, product_rate, write_json

from jaxsr.errors import reported
from jaxsr.models.layers import pixel_shuffle

SIDE, FEATURES, COLORS = 9, 64, 3


def float32(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """From features before the pixel shuffle, [B, S/2, S/2, 256], to [B, S, S, 3] float32."""
    return _convolved(pixel_shuffle(x, 2).astype(jnp.float32), kernel)


def twelve_outputs(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return pixel_shuffle(_convolved(x.astype(jnp.float32), before_shuffle(kernel)), 2)


def two_kernels(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return _in_parts(pixel_shuffle(x, 2), kernel)


def both(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return pixel_shuffle(_in_parts(x, before_shuffle(kernel)), 2)


WAYS = {"float32": float32, "twelve outputs": twelve_outputs, "two kernels": two_kernels, "both": both}


def before_shuffle(kernel: jax.Array) -> jax.Array:
    """The kernel [5, 5, 256, 12] that gives before a pixel shuffle of 2 what one of [9, 9, 64, 3] gives after it."""
    # Output pixel 2i + a reads input pixels 2(i + p) + c, which are 2p + c − a away.
    padded = jnp.pad(kernel, ((1, 1), (1, 1), (0, 0), (0, 0)))
    phases = [[padded[1 - a : 11 - a, 1 - b : 11 - b] for b in (0, 1)] for a in (0, 1)]
    # [a, b, p, c, q, d, in, out], with p and q from −2 to 2.
    split = jnp.stack([jnp.stack(row) for row in phases]).reshape(2, 2, 5, 2, 5, 2, *kernel.shape[2:])
    return split.transpose(2, 4, 6, 3, 5, 7, 0, 1).reshape(5, 5, 4 * kernel.shape[2], 4 * kernel.shape[3])


def _in_parts(x, kernel):
    coarse = kernel.astype(jnp.bfloat16)
    fine = (kernel - coarse.astype(jnp.float32)).astype(jnp.bfloat16)
    return sum(jnp.split(_summed_in_float32(x, jnp.concatenate([coarse, fine], axis=-1)), 2, axis=-1))


def _convolved(x, kernel, **options):
    layout = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=layout, **options)


@jax.custom_vjp
def _summed_in_float32(x, kernel):
    return _convolved(x, kernel, preferred_element_type=jnp.float32)


def _forward(x, kernel):
    return _summed_in_float32(x, kernel), (x, kernel)


def _backward(operands, gradient):
    # JAX has no gradient of a convolution whose result is wider than its operands.
    return jax.vjp(_convolved, *operands)[1](gradient.astype(jnp.bfloat16))


_summed_in_float32.defvjp(_forward, _backward)


def program(way: Callable[[jax.Array, jax.Array], jax.Array]) -> Callable:
    """The compiled result of a way and its gradients, for features, a kernel and the gradient of the result."""

    @jax.jit
    def whole(x, kernel, gradient):
        result, back = jax.vjp(way, x, kernel)
        return result, *back(gradient)

    return lambda *arguments: jax.block_until_ready(whole(*arguments))


def main(batch_size: int = 64, crop: int = 96, rounds: int = 5, json: Path | None = None) -> None:
    """Compare the ways, and time them in turns.

    Args:
      batch_size: Crops.
      crop: Side of the crops, in HR pixels.
      rounds: Timed calls of each way.
      json: File for the figures (None: not written).
    """
    keys = jax.random.split(jax.random.key(0), 3)
    x = jax.random.normal(keys[0], (batch_size, crop // 2, crop // 2, 4 * FEATURES), jnp.bfloat16)
    kernel = jax.random.normal(keys[1], (SIDE, SIDE, FEATURES, COLORS)) / (SIDE * FEATURES**0.5)
    arguments = x, kernel, jax.random.normal(keys[2], (batch_size, crop, crop, COLORS))
    programs = {name: program(way) for name, way in WAYS.items()}
    expected, *_ = programs["float32"](*arguments)
    differences = {name: float(jnp.abs(run(*arguments)[0] - expected).max()) for name, run in programs.items()}
    if max(differences.values()) > 0.02:
        raise SystemExit(f"the results differ by {differences}; there is nothing to compare")
    seconds = in_turns({name: lambda run=run: run(*arguments) for name, run in programs.items()}, rounds=rounds)
    flops = 6 * batch_size * crop**2 * SIDE**2 * FEATURES * COLORS
    peak = product_rate() if on_gpu() else None
    for name, values in seconds.items():
        median = float(np.median(values))
        ratio = median / float(np.median(seconds["float32"]))
        share = f", {flops / median / peak:.1%} of a large bfloat16 product's rate" if peak else ""
        print(f"{name:<15} {1e3 * median:8.2f} ms, {ratio:.2f}, differs by {differences[name]:.1e}{share}")
    write_json(json, {"seconds": seconds, "differences": differences, "flops": flops, "product_rate": peak})


if __name__ == "__main__":
    with reported():
        tyro.cli(main)
