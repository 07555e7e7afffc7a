"""Convolutions and products by oneDNN, which PyTorch uses too, on x86 processors.

jaxlib for Linux on x86 contains oneDNN and a custom call for it, which XLA never emits. This module emits that call.
Its form is not a public interface, so it is used only with versions of jaxlib in which it was tried
(`jaxsr.kernels.trial`). With other versions, or if `ONEDNN_MAX_CPU_ISA`, `DNNL_MAX_CPU_ISA` or `JAXSR_KERNELS=xla` is
set, this module does nothing and XLA computes convolutions and products.

Programs with such calls cannot be serialised. `jax.export` refuses them. JAX's compilation cache warns of a
"MemoryError: std::bad_alloc" and continues.
"""

import json
import os
import platform
import sys
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import jaxlib
from jax import lax

from jaxsr.kernels.processor import processor_features

TRIED_VERSIONS = ("0.10.0", "0.10.1", "0.10.2", "0.11.0", "0.11.1", "0.11.2")
# Without bfloat16 units, or without the other features that oneDNN uses with them, bfloat16 would be slow, end the
# process or hang it.
_WITH_BFLOAT16 = {"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni", "avx512_bf16"}
# If one of these is set, oneDNN may refuse what the processor supports, which ends the process.
_LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")


def _dtypes():
    tried = jaxlib.__version__ in TRIED_VERSIONS or os.environ.get("JAXSR_KERNELS") == "untried"
    built_in = sys.platform == "linux" and platform.machine() == "x86_64" and tried
    features = processor_features()
    if not built_in or "avx2" not in features or any(name in os.environ for name in _LIMITS):
        return frozenset()
    return frozenset({"float32", "bfloat16"} if features >= _WITH_BFLOAT16 else {"float32"})


# Fixed at import, before the first trace, as the platform is.
DTYPES = _dtypes()
# Whether there are matrix units for bfloat16. They are ten times as fast as float32; vector units are twice as fast.
AMX = "bfloat16" in DTYPES and "amx_bf16" in processor_features()
# Without AVX-512 oneDNN uses other products. In bfloat16 these have been seen to deadlock.
_PRODUCTS = "avx512f" in processor_features()


def takes(dtype: Any) -> bool:
    """Whether oneDNN is available for arrays of this dtype on a CPU."""
    return jnp.dtype(dtype).name in DTYPES


def convolved(
    x: jax.Array,
    kernel: jax.Array,
    *,
    stride: int = 1,
    padding: Sequence[tuple[int, int]] | None = None,
    transposed: bool = False,
    onto: jax.Array | None = None,
    dtype: Any = None,
) -> jax.Array:
    """`lax.conv_general_dilated` by oneDNN.

    It works on one device (`jaxsr.kernels.partitioning` is for several) and has no derivative.

    Args:
      x: [N, H, W, C], float32 or bfloat16.
      kernel: [k, l, C, D] of the same dtype.
      stride: stride along both axes.
      padding: pixels of zeros before and after, along each axis. None centres an odd kernel.
      transposed: whether the kernel is [k, l, D, C] instead.
      onto: [N, h, w, D] to add the result to, in its memory if nothing else reads it. None adds nothing.
      dtype: dtype of the result, which is summed in float32. None means the dtype of x. `onto` has its own.

    Returns:
      [N, h, w, D].

    Raises:
      ValueError: `onto` does not have the shape of the result.
    """
    sides = kernel.shape[:2]
    padding = padding or [(side // 2, side // 2) for side in sides]
    images = {"data": {"batch_dim": 0, "feature_dim": 3, "spatial_dims": [1, 2]}}
    channels = {"input_feature_dim": 2 + transposed, "output_feature_dim": 3 - transposed}
    filters = {"filter": channels | {"spatial_dims": [0, 1]}}
    before, after = zip(*padding, strict=True)
    window = {"strides": [stride] * 2, "pad_left": before, "pad_right": after, "window_dilations": [1, 1]}
    parts = {"dims": 4, "input": images, "kernel": filters, "output": images, "window": window, "feature_groups": 1}
    padded = [size + sum(pixels) for size, pixels in zip(x.shape[1:3], padding, strict=True)]
    left = [(size - side) // stride + 1 for size, side in zip(padded, sides, strict=True)]
    shape = (x.shape[0], *left, kernel.shape[3 - transposed])
    if onto is None:
        return _call("convolution", (x, kernel), shape, dtype or x.dtype, {"onednn_conv_config": parts})
    if onto.shape != shape:
        # oneDNN would write outside its memory.
        raise ValueError(f"a result {shape} cannot be added to {onto.shape}")
    parts["fusions"] = {"ops": ["SUM"]}
    return _call("convolution", (x, kernel, onto), shape, onto.dtype, {"onednn_conv_config": parts}, aliases={2: 0})


def product(x: jax.Array, y: jax.Array, *, transpose: bool = False) -> jax.Array:
    """The matrix product of x, or xᵀ, and y. XLA computes it where oneDNN's is not available or not reliable.

    Args:
      x: [A, B], or [B, A] if `transpose`; float32 or bfloat16.
      y: [B, C] of the same dtype.
      transpose: whether to transpose x.

    Returns:
      [A, C] float32.

    Raises:
      ValueError: the shapes do not fit each other.
    """
    if not takes(x.dtype) or not _PRODUCTS or not x.size:
        pixels = ((int(not transpose),), (0,))
        return lax.dot_general(x, y, (pixels, ((), ())), preferred_element_type=jnp.float32)
    if x.shape[int(not transpose)] != y.shape[0]:
        # oneDNN would end the process instead of raising an error.
        raise ValueError(f"no product of {x.shape} and {y.shape}, transpose={transpose}")
    shape = (x.shape[int(transpose)], y.shape[1])
    return _call("matmul", (x, y), shape, jnp.float32, {"onednn_matmul_config": {"transpose_a": transpose}})


def _call(name, arrays, shape, dtype, config, aliases=None):
    call = jax.ffi.ffi_call(
        f"__onednn${name}",
        jax.ShapeDtypeStruct(shape, dtype),
        input_output_aliases=aliases,
        custom_call_api_version=2,
        legacy_backend_config=json.dumps(config),
    )
    return call(*arrays)
