"""Products in full precision, because the default on some accelerators is off by whole levels."""

from functools import partial

import jax
import jax.numpy as jnp

exact_einsum = partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)
exact_matmul = partial(jnp.matmul, precision=jax.lax.Precision.HIGHEST)
