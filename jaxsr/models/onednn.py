"""Convolutions and products by oneDNN, which makes PyTorch's too, on x86 processors.

jaxlib for Linux on x86 contains oneDNN and the call that XLA would make of it, but XLA itself makes none: on CPUs it
convolves in float32 whatever the dtype, and hardly faster than that with AMX. The call is written here by hand. Its
form is no public interface and differs between versions of jaxlib, so it is made in those alone that it was tried in,
and elsewhere convolutions and products stay XLA's.
"""

import json
import os
import platform
import sys
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import jaxlib
from jax import lax
from jax.custom_batching import sequential_vmap
from jax.experimental.custom_partitioning import custom_partitioning
from jax.sharding import NamedSharding, PartitionSpec

from jaxsr.models.processor import processor_features

_TRIED_VERSIONS = ("0.10.0", "0.10.1", "0.10.2", "0.11.0", "0.11.1", "0.11.2")
# With these set oneDNN may refuse what the processor has, which ends the process.
_LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")


def _dtypes():
    built_in = sys.platform == "linux" and platform.machine() == "x86_64" and jaxlib.__version__ in _TRIED_VERSIONS
    features = processor_features()
    if not built_in or "avx2" not in features or any(name in os.environ for name in _LIMITS):
        return frozenset()
    # Without units for it bfloat16 would be slow, or end the process.
    return frozenset({"float32", "bfloat16"} if features & {"avx512_bf16", "amx_bf16"} else {"float32"})


# Known before the first trace, as the platform is.
DTYPES = _dtypes()


def takes(dtype: Any) -> bool:
    """Whether oneDNN is there for arrays of that dtype on a CPU."""
    return jnp.dtype(dtype).name in DTYPES


def convolved(x: jax.Array, kernel: jax.Array, *, stride: int = 1, dtype: Any = None) -> jax.Array:
    """`lax.conv_general_dilated` with as much padding on each side as centres the kernel.

    As all of this file: images may be split over a mesh; there is no derivative; and compiled programs that have it
    cannot be kept on disk (where JAX was told to keep them, it warns).

    Args:
      x: [N, H, W, C], float32 or bfloat16.
      kernel: [k, k, C, D] of the same dtype, k odd.
      stride: along both axes.
      dtype: of the result, which is summed in float32 (None: x's).

    Returns:
      [N, ⌈H/stride⌉, ⌈W/stride⌉, D].
    """
    images = {"data": {"batch_dim": 0, "feature_dim": 3, "spatial_dims": [1, 2]}}
    filters = {"filter": {"input_feature_dim": 2, "output_feature_dim": 3, "spatial_dims": [0, 1]}}
    edges = [kernel.shape[0] // 2] * 2
    window = {"strides": [stride] * 2, "pad_left": edges, "pad_right": edges, "window_dilations": [1, 1]}
    parts = {"dims": 4, "input": images, "kernel": filters, "output": images, "window": window, "feature_groups": 1}
    n, height, width, _ = x.shape
    shape = (n, -(-height // stride), -(-width // stride), kernel.shape[3])
    told = json.dumps({"onednn_conv_config": parts})
    dtype = jnp.dtype(dtype or x.dtype)
    return sequential_vmap(lambda *arrays: _convolve(*arrays, "__onednn$convolution", shape, dtype, told))(x, kernel)


def product(x: jax.Array, y: jax.Array, *, transpose: bool = False) -> jax.Array:
    """The matrix product of x, or xᵀ, and y, in which pixels are summed.

    Args:
      x: [C, pixels], float32 or bfloat16; [pixels, C] to be transposed.
      y: [pixels, D] of the same dtype.
      transpose: whether x is to be transposed.

    Returns:
      [C, D] float32.
    """
    told = json.dumps({"onednn_matmul_config": {"transpose_a": transpose}})
    multiply = _multiply_transposed if transpose else _multiply
    shape, dtype = (x.shape[int(transpose)], y.shape[1]), jnp.dtype(jnp.float32)
    return sequential_vmap(lambda *arrays: multiply(*arrays, "__onednn$matmul", shape, dtype, told))(x, y)


def _call(x, y, target, shape, dtype, told):
    result = jax.ShapeDtypeStruct(shape, dtype)
    return jax.ffi.ffi_call(target, result, custom_call_api_version=2, legacy_backend_config=told)(x, y)


def _on_mesh(rule, partition):
    """`_call` whose x and y lie on a mesh; `partition` gives each device's call, and the shardings of all three."""
    whole = custom_partitioning(_call, static_argnums=(2, 3, 4, 5))
    infer = lambda *told: partition(*told)[2]  # noqa: E731
    whole.def_partition(infer_sharding_from_operands=infer, partition=partition, sharding_rule=rule)
    return whole


def _images_apart(target, shape, dtype, told, mesh, arguments, result):
    del result
    images = NamedSharding(mesh, PartitionSpec((*arguments[0].sharding.spec, None)[0]))

    def call(x, kernel):
        return _call(x, kernel, target, (x.shape[0], *shape[1:]), dtype, told)

    return mesh, call, images, (images, NamedSharding(mesh, PartitionSpec()))


def _pixels_summed(target, shape, dtype, told, mesh, arguments, result, *, transpose):
    del result
    axis = (*arguments[1].sharding.spec, None)[0]
    x = PartitionSpec(axis) if transpose else PartitionSpec(None, axis)

    def call(x, y):
        part = _call(x, y, target, shape, dtype, told)
        return part if axis is None else lax.psum(part, axis)

    return (
        mesh,
        call,
        NamedSharding(mesh, PartitionSpec()),
        tuple(NamedSharding(mesh, spec) for spec in (x, PartitionSpec(axis))),
    )


_convolve = _on_mesh("n h w c, i j c d -> n y x d", _images_apart)
_multiply = _on_mesh("c p, p d -> c d", partial(_pixels_summed, transpose=False))
_multiply_transposed = _on_mesh("p c, p d -> c d", partial(_pixels_summed, transpose=True))
