"""How a mesh splits functions that XLA cannot look into: along the batch only.

If images are split along another axis, or their number is not a multiple of the devices, each device gets all of them.
"""

import math
from collections.abc import Callable

import jax
from jax import lax
from jax.custom_batching import sequential_vmap
from jax.experimental.custom_partitioning import custom_partitioning
from jax.sharding import AxisType, NamedSharding, PartitionSpec


def can_split(x: jax.Array) -> bool:
    """Whether XLA decides how x is split.

    In `jax.shard_map`, and on a mesh with explicit axes, the type of x decides instead.
    """
    return all(axis is AxisType.Auto for axis in jax.typeof(x).sharding.mesh.axis_types)


def images_apart(function: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
    """Split a function that treats each image by itself.

    Args:
      function: maps images [N, H, W, C] and a kernel [k, k, C, D] to images [N, h, w, D].

    Returns:
      The same function. If the images are on several devices, each device calls it with its own images and the whole
      kernel.
    """
    return _on_mesh(function, "n h w c, i j a b -> n y x d", _apart(function))


def images_added(function: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
    """`images_apart` for a function with a third argument, images [N, h, w, D] that it adds to its result."""
    return _on_mesh(function, "n h w c, i j a b, n y x d -> n y x d", _apart(function))


def _apart(function):
    def partition(mesh, arguments, result):
        del result
        images = NamedSharding(mesh, PartitionSpec(_axis_of(mesh, arguments)))
        return mesh, function, images, (images, NamedSharding(mesh, PartitionSpec()), images)[: len(arguments)]

    return partition


def images_summed(function: Callable[[jax.Array, jax.Array], jax.Array]) -> Callable[..., jax.Array]:
    """Split a function that sums over the images.

    Args:
      function: maps images [N, H, W, C] and other images [N, h, w, D] to [k, k, C, D], a sum over the images.

    Returns:
      The same function. If the images are on several devices, each device calls it with its own images, and the results
      are summed.
    """

    def partition(mesh, arguments, result):
        del result
        axis = _axis_of(mesh, arguments)
        images = NamedSharding(mesh, PartitionSpec(axis))

        def summed(x, y):
            return function(x, y) if axis is None else lax.psum(function(x, y), axis)

        return mesh, summed, NamedSharding(mesh, PartitionSpec()), (images, images)

    return _on_mesh(function, "n h w c, n y x d -> i j a b", partition)


def rows_gathered(function: Callable[[jax.Array, jax.Array], jax.Array]) -> Callable[..., jax.Array]:
    """Split a function that sums over few rows, whose result is larger than they are.

    Args:
      function: maps rows [N, C] and other rows [N, D] to [C, D], a sum over the rows.

    Returns:
      The same function. If the rows are on several devices, each device gets all of them and calls it. That exchanges
      less than a sum of the results does.
    """

    def partition(mesh, arguments, result):
        del arguments, result
        whole = NamedSharding(mesh, PartitionSpec())
        return mesh, function, whole, (whole, whole)

    return _on_mesh(function, "n c, n d -> c d", partition)


def _axis_of(mesh, arguments):
    images = arguments[0]
    axis = (*images.sharding.spec, None)[0]
    devices = math.prod(mesh.shape[name] for name in ((axis,) if isinstance(axis, str) else axis or ()))
    # XLA would pad the last device's part with arbitrary values, which a sum must not include.
    return None if images.shape[0] % devices else axis


def _on_mesh(function, rule, partition):
    whole = custom_partitioning(lambda *arrays: function(*arrays))
    infer = lambda *told: partition(*told)[2]  # noqa: E731
    whole.def_partition(infer_sharding_from_operands=infer, partition=partition, sharding_rule=rule)
    return sequential_vmap(whole)
