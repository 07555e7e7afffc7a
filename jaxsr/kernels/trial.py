"""Check that oneDNN's calls work with the installed jaxlib: `python -m jaxsr.kernels.trial`.

Run it with a new version of jaxlib before you add that version to `TRIED_VERSIONS`. It takes half a minute. The calls
run in a process of their own, because a wrong call ends the process.
"""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import jaxlib
import numpy as np
from jax import lax

from jaxsr.kernels import onednn
from jaxsr.kernels.choice import VARIABLE
from jaxsr.kernels.convolution import added, convolved

# (Kernel side, channels in, channels out, stride, image side). Each method but XLA's own has at least one case.
_CASES = ((3, 16, 24, 1, 11), (9, 16, 3, 1, 12), (9, 3, 64, 1, 12), (3, 64, 64, 2, 16), (3, 64, 128, 1, 12))


def main() -> int:
    """Compare values and gradients with XLA's and print the result.

    Returns:
      The exit code: 0 if all agree, 2 if there is no oneDNN to try, another number if the calls fail.
    """
    if os.environ.get(VARIABLE) != "untried":
        child = subprocess.run([sys.executable, "-m", "jaxsr.kernels.trial"], env={**os.environ, VARIABLE: "untried"})
        if child.returncode not in (0, 2):
            print(f"jaxlib {jaxlib.__version__}: oneDNN's calls fail (exit code {child.returncode})", file=sys.stderr)
        return child.returncode
    if not onednn.DTYPES:
        print("this processor or platform has no oneDNN to try", file=sys.stderr)
        return 2
    kinds = [(dtype, dtype) for dtype in sorted(onednn.DTYPES)]
    if "bfloat16" in onednn.DTYPES:
        # As in the last convolution of a network.
        kinds.append(("bfloat16", "float32"))
    count = sum(_tried(case, *map(jnp.dtype, kind)) for kind in kinds for case in _CASES)
    print(f"jaxlib {jaxlib.__version__}: {count} results agree with XLA's, in {', '.join(sorted(onednn.DTYPES))}")
    return 0


def _tried(case, dtype, kernel_dtype):
    """Compare one case with XLA and return the number of results compared."""
    side, inputs, outputs, stride, pixels = case
    rng = np.random.default_rng(0)
    shapes = (2, pixels, pixels, inputs), (side, side, inputs, outputs)
    x, kernel = (jnp.asarray(rng.standard_normal(shape, np.float32)) for shape in shapes)
    x, kernel = x.astype(dtype), kernel.astype(kernel_dtype)
    ours = _results(lambda x, k: convolved(x, k, stride=stride, may_tile=True, dtype=kernel_dtype), x, kernel)
    onto = lambda x, k: added(x, k, jnp.zeros(ours[0].shape, dtype), stride=stride)  # noqa: E731
    numbers, edges = ("NHWC", "HWIO", "NHWC"), [(side // 2,) * 2] * 2
    by_xla = lambda x, k: lax.conv_general_dilated(x, k, (stride,) * 2, edges, dimension_numbers=numbers)  # noqa: E731
    expected = _results(by_xla, x.astype(jnp.float32), kernel.astype(jnp.float32))
    results = [*zip(ours, expected, strict=True)]
    if kernel_dtype == dtype:
        results += zip(_results(onto, x, kernel), expected, strict=True)
    for result, exact in results:
        largest = float(abs(exact).max())
        within = (1e-5 if dtype == jnp.float32 else 2**-6) * largest
        np.testing.assert_allclose(np.asarray(result, np.float32), exact, atol=within)
    return len(results)


def _results(convolve, x, kernel):
    """The value, and the gradients of the mean of its squares."""

    def loss(x, kernel):
        y = convolve(x, kernel).astype(jnp.float32)
        return (y**2).mean(), y

    (_, y), gradients = jax.jit(jax.value_and_grad(loss, argnums=(0, 1), has_aux=True))(x, kernel)
    return y, *gradients


if __name__ == "__main__":
    sys.exit(main())
