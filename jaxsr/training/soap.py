"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner (Vyas et al. 2024, arXiv 2409.11321, algorithm 3).

No release of optax has it. This version differs from the paper's algorithm in one point: each gradient, the first one
included, updates the bases before it is projected into them, not after.

A kernel's gradient [H·W·C, D] has at most rank D. Until more gradients have come, rounding decides which vectors span
the rest of the basis of the rows. Runs on other processors, or other numbers of devices, therefore diverge as runs with
another seed do.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

# A longer side of a kernel gets no basis, because its covariance would cost more than the network.
_LONGEST = 1024


class Factor(NamedTuple):
    """The state of one side of a kernel, of length n.

    Attributes:
      covariance: [n, n], running mean of G·Gᵀ (rows) or Gᵀ·G (columns), for gradients G.
      basis: [n, n], approximate eigenvectors of the covariance, as columns in the order of falling eigenvalues.
    """

    covariance: jax.Array
    basis: jax.Array


class Moments(NamedTuple):
    """The state of one parameter, as a matrix: a kernel [H, W, C, D] is [H·W·C, D], and a vector is one row.

    Attributes:
      mean: running mean of the gradient.
      square: running mean of the squared gradient, in the eigenbasis.
      factors: factors of rows and columns; None for a side without a basis.
    """

    mean: jax.Array
    square: jax.Array
    factors: tuple[Factor | None, Factor | None]


class SoapState(NamedTuple):
    """The number of updates done, and a tree with `Moments` for each parameter."""

    count: jax.Array
    moments: Any


def soap(
    learning_rate: optax.ScalarOrSchedule,
    *,
    b1: float = 0.9,
    b2: float = 0.98,
    covariance_decay: float = 0.95,
    epsilon: float = 1e-8,
    refresh: int = 10,
) -> optax.GradientTransformation:
    """SOAP for the kernels of convolutions, and Adam for all other parameters.

    The first update does not change kernels: its gradient only initialises the bases.

    Args:
      learning_rate: learning rate, of the size that Adam needs.
      b1: decay of the mean of gradients.
      b2: decay of the mean of squared gradients.
      covariance_decay: decay of the covariances, whose eigenvectors are the bases.
      epsilon: added to the root of the mean square.
      refresh: number of updates between two refreshes of the bases.
    """

    def init(params):
        return SoapState(jnp.int32(0), jax.tree.map(_first_moments, params))

    def update(updates, state, params=None):
        del params
        count = state.count + 1
        leaves, tree = jax.tree.flatten(updates)
        pairs = zip(leaves, tree.flatten_up_to(state.moments), strict=True)
        directions, moments = zip(*(one_parameter(leaf, kept, count) for leaf, kept in pairs), strict=True)
        return tree.unflatten(directions), SoapState(count, tree.unflatten(moments))

    def one_parameter(gradient, kept, count):
        matrix = _as_matrix(gradient)
        factors = _with_gradient(kept.factors, matrix, covariance_decay)
        factors, square = jax.lax.cond(
            (count - 1) % refresh == 0, _refreshed, lambda factors, square, _: (factors, square),
            factors, kept.square, count,
        )  # fmt: skip
        mean = b1 * kept.mean + (1 - b1) * matrix
        square = b2 * square + (1 - b2) * jnp.square(_into_bases(matrix, factors))
        scale = jnp.sqrt(square / (1 - b2**count)) + epsilon
        direction = _out_of_bases(_into_bases(mean / (1 - b1**count), factors) / scale, factors)
        if any(factors):
            direction = jnp.where(count == 1, 0.0, direction)
        return direction.reshape(gradient.shape), Moments(mean, square, factors)

    return optax.chain(optax.GradientTransformation(init, update), optax.scale_by_learning_rate(learning_rate))


def _as_matrix(parameter):
    return parameter.reshape(-1, parameter.shape[-1] if parameter.ndim else 1)


def _first_moments(parameter):
    rows, columns = _as_matrix(parameter).shape
    factors = (_first_factor(parameter, rows), _first_factor(parameter, columns))
    return Moments(jnp.zeros((rows, columns)), jnp.zeros((rows, columns)), factors)


def _first_factor(parameter, length):
    if parameter.ndim != 4 or length > _LONGEST:
        return None
    return Factor(jnp.zeros((length, length)), jnp.eye(length))


def _with_gradient(factors, matrix, decay):
    """Add a gradient to the covariances of the factors."""
    seen = (matrix, matrix.T)
    return tuple(
        factor and Factor(decay * factor.covariance + (1 - decay) * _product(rows, rows.T), factor.basis)
        for factor, rows in zip(factors, seen, strict=True)
    )


def _refreshed(factors, square, count):
    """One step of power iteration (algorithm 4 of the paper). The mean squares move with the vectors they belong to."""
    fresh = []
    for axis, factor in enumerate(factors):
        if factor is not None:
            basis, order = jax.lax.cond(count == 1, _eigenvectors, _power_iterated, *factor)
            factor, square = Factor(factor.covariance, basis), jnp.take(square, order, axis=axis)
        fresh.append(factor)
    return tuple(fresh), square


def _eigenvectors(covariance, basis):
    return jnp.linalg.eigh(covariance)[1][:, ::-1], jnp.arange(len(basis))


def _power_iterated(covariance, basis):
    moved = _product(covariance, basis)
    order = jnp.argsort(-jnp.sum(basis * moved, axis=0))
    return jnp.linalg.qr(moved[:, order])[0], order


def _into_bases(matrix, factors):
    rows, columns = factors
    matrix = matrix if rows is None else _product(rows.basis.T, matrix)
    return matrix if columns is None else _product(matrix, columns.basis)


def _out_of_bases(matrix, factors):
    rows, columns = factors
    matrix = matrix if rows is None else _product(rows.basis, matrix)
    return matrix if columns is None else _product(matrix, columns.basis.T)


def _product(a, b):
    # The default precision on a GPU would round the operands to 10 bits.
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)
