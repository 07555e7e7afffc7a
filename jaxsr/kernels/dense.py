"""The product of a dense layer with many weights."""

from typing import Any

import jax
from jax import lax

from jaxsr.kernels.choice import setting
from jaxsr.kernels.partitioning import can_split, rows_gathered


def dense_product(x: jax.Array, kernel: jax.Array, dimension_numbers: Any, **options: Any) -> jax.Array:
    """The product of a dense layer, for `flax.linen.Dense(dot_general=…)`. Its weight gradient is not transposed.

    JAX computes the weight gradient transposed and transposes it back. On several devices the gradient is summed in
    between, so the product cannot absorb the transposition. CPU devices do not sum it at all where the rows of x and of
    the output's gradient are smaller: they exchange these, and each computes the product of all rows
    (docs/design/cpu-convolutions.md).

    Args:
      x: [N, C].
      kernel: [C, D].
      dimension_numbers: `(((1,), (0,)), ((), ()))`, those of this product.
      options: other options of `lax.dot_general`, all None.

    Returns:
      [N, D]. Only reverse-mode differentiation is supported.

    Raises:
      ValueError: the shapes, dimension numbers or options are others.
    """
    changed = {name: value for name, value in options.items() if value is not None}
    if x.ndim != 2 or kernel.ndim != 2 or dimension_numbers != (((1,), (0,)), ((), ())) or changed:
        raise ValueError(f"x {x.shape}, kernel {kernel.shape}, dimensions {dimension_numbers}, options {changed}")
    return _product(x, kernel) if setting() != "xla" and can_split(x) else x @ kernel


_product = jax.custom_vjp(lambda x, kernel: x @ kernel)
_product.defvjp(
    lambda x, kernel: (x @ kernel, (x, kernel)),
    lambda saved, gradient: (gradient @ saved[1].T, _weight_gradient(saved[0], gradient)),
)


def _weight_gradient(x, gradient):
    product = lambda x, gradient: x.T @ gradient  # noqa: E731
    # Otherwise the sum of the devices' products is the smaller exchange.
    if x.size + gradient.size >= x.shape[1] * gradient.shape[1]:
        return product(x, gradient)
    return lax.platform_dependent(x, gradient, cpu=rows_gathered(product), default=product)
