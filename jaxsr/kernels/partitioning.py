"""How a mesh splits functions that XLA cannot see into: along their images, and along nothing else.

Where images are split along another axis, or do not divide among the devices, each device has all of them.
"""

import math
from collections.abc import Callable

import jax
from jax import lax
from jax.custom_batching import sequential_vmap
from jax.experimental.custom_partitioning import custom_partitioning
from jax.sharding import AxisType, NamedSharding, PartitionSpec


def can_split(x: jax.Array) -> bool:
    """Whether XLA decides how x is split, and not its type, as in `jax.shard_map` and on a mesh of explicit axes."""
    return all(axis is AxisType.Auto for axis in jax.typeof(x).sharding.mesh.axis_types)


def images_apart(function: Callable[..., jax.Array]) -> Callable:
    """A function of images [N, H, W, C] and a kernel [k, k, C, D] to images [N, h, w, D], each from its own.

    Where images lie on several devices, each calls it with those that it has and with the whole kernel.
    """
    return _on_mesh(function, "n h w c, i j a b -> n y x d", _apart(function))


def images_added(function: Callable[..., jax.Array]) -> Callable:
    """`images_apart` of a function that takes images [N, h, w, D] besides, to add to its own."""
    return _on_mesh(function, "n h w c, i j a b, n y x d -> n y x d", _apart(function))


def _apart(function):
    def partition(mesh, arguments, result):
        del result
        images = NamedSharding(mesh, PartitionSpec(_axis_of(mesh, arguments)))
        return mesh, function, images, (images, NamedSharding(mesh, PartitionSpec()), images)[: len(arguments)]

    return partition


def images_summed(function: Callable[[jax.Array, jax.Array], jax.Array]) -> Callable:
    """A function of images [N, H, W, C] and of others [N, h, w, D] to [k, k, C, D], a sum over the images.

    Where images lie on several devices, each calls it with those that it has, and the results are summed.
    """

    def partition(mesh, arguments, result):
        del result
        axis = _axis_of(mesh, arguments)
        images = NamedSharding(mesh, PartitionSpec(axis))

        def summed(x, y):
            return function(x, y) if axis is None else lax.psum(function(x, y), axis)

        return mesh, summed, NamedSharding(mesh, PartitionSpec()), (images, images)

    return _on_mesh(function, "n h w c, n y x d -> i j a b", partition)


def _axis_of(mesh, arguments):
    images = arguments[0]
    axis = (*images.sharding.spec, None)[0]
    devices = math.prod(mesh.shape[name] for name in ((axis,) if isinstance(axis, str) else axis or ()))
    # XLA would fill the last device's part with anything, which a sum must not see.
    return None if images.shape[0] % devices else axis


def _on_mesh(function, rule, partition):
    whole = custom_partitioning(lambda *arrays: function(*arrays))
    infer = lambda *told: partition(*told)[2]  # noqa: E731
    whole.def_partition(infer_sharding_from_operands=infer, partition=partition, sharding_rule=rule)
    return sequential_vmap(whole)
