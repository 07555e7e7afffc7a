"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner (Vyas et al. 2024, arXiv 2409.11321, algorithm 3).

ESPCN has more after 6,000 updates of it than after 100,000 of Adam's (configs/espcn.py), which take half the time each.
It is in no release of optax. Against the paper's algorithm a gradient enters the bases before it is seen in them, not
after, also the first one.

A kernel's gradient [H·W·C, D] has at most the rank D, and which vectors span the rest of the rows' basis is decided by
rounding until more gradients have come: runs of other numbers of devices, or on other processors, go other ways, as
with another seed, where Adam's stay together.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

# A longer side of a kernel is left as it is: its covariance would cost more than the network.
_LONGEST = 1024


class Factor(NamedTuple):
    """What is kept of one side of a kernel, n long.

    Attributes:
      covariance: [n, n], running mean of G·Gᵀ (rows) or Gᵀ·G (columns) of the gradient G.
      basis: [n, n], nearly its eigenvectors, as columns, the largest eigenvalue's first.
    """

    covariance: jax.Array
    basis: jax.Array


class Moments(NamedTuple):
    """What is kept of one parameter, taken as a matrix: a kernel [H, W, C, D] as [H·W·C, D], a vector as one row.

    Attributes:
      mean: running mean of the gradient.
      square: running mean of the squared gradient, in the eigenbasis.
      factors: of rows and columns; None where the basis stays as it is.
    """

    mean: jax.Array
    square: jax.Array
    factors: tuple[Factor | None, Factor | None]


class SoapState(NamedTuple):
    """Updates done, and `Moments` in place of each parameter."""

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
    """SOAP on the kernels of convolutions, Adam on all else.

    The first update leaves kernels as they are: its gradient only begins the bases.

    Args:
      learning_rate: as of Adam, whose size an update has.
      b1: decay of the mean of gradients.
      b2: decay of the mean of squared gradients.
      covariance_decay: decay of the covariances, from which the bases come.
      epsilon: added to the root of the mean square.
      refresh: updates from one refreshing of the bases to the next.
    """

    def init(params):
        return SoapState(jnp.int32(0), jax.tree.map(_first_moments, params))

    def update(gradient, state, params=None):
        del params
        count = state.count + 1
        leaves, tree = jax.tree.flatten(gradient)
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
    shape = _as_matrix(parameter).shape
    factors = (
        Factor(jnp.zeros((length, length)), jnp.eye(length)) if parameter.ndim == 4 and length <= _LONGEST else None
        for length in shape
    )
    return Moments(jnp.zeros(shape), jnp.zeros(shape), tuple(factors))


def _with_gradient(factors, matrix, decay):
    """The factors with this gradient in their covariances."""
    seen = (matrix, matrix.T)
    return tuple(
        factor and Factor(decay * factor.covariance + (1 - decay) * _product(rows, rows.T), factor.basis)
        for factor, rows in zip(factors, seen, strict=True)
    )


def _refreshed(factors, square, count):
    """One step of power iteration, the paper's algorithm 4; the mean square moves with the vectors it belongs to."""
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
    # On a GPU the default would round the factors to 10 bits.
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)
