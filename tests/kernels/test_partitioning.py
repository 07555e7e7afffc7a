"""Devices that share a batch make of it what one device makes, however the mesh is told to share it."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from jaxsr.kernels import Convolution, dense_product
from jaxsr.kernels.convolution import convolved
from jaxsr.processes.devices import make_mesh, replicated, sharded_batches


def random(*shape, seed):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape, np.float32))


def by_xla(x, kernel):
    return lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def close(ours, expected, *, within=1e-4):
    np.testing.assert_allclose(ours, expected, atol=within * float(abs(expected).max()))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("stride", [1, 2])
def test_two_devices_sum_their_gradients(dtype, stride):
    mesh = make_mesh(2, batch_size=4)
    x, kernel = random(4, 8, 8, 16, seed=0).astype(dtype), random(3, 3, 16, 16, seed=1)

    def squares(x, kernel):
        return (convolved(x, kernel, stride=stride, dtype=dtype).astype(jnp.float32) ** 2).sum()

    both = jax.grad(squares, argnums=(0, 1))
    arrays = sharded_batches(np.asarray(x)[None], mesh)[0], replicated(kernel, mesh)
    program = jax.jit(both).lower(*arrays).compile()
    shared = program(*arrays)
    assert "all-gather(" not in program.as_text()
    assert shared[0].sharding.spec[0] == "batch"
    for ours, alone in zip(shared, both(x, kernel), strict=True):
        scale = float(abs(alone.astype(jnp.float32)).max())
        np.testing.assert_allclose(ours.astype(jnp.float32), alone.astype(jnp.float32), atol=1e-5 * scale)


def test_two_devices_add_the_parts_of_a_sum():
    mesh, model = make_mesh(2, batch_size=4), Convolution(16, 3)
    parts = [random(4, 8, 8, channels, seed=channels) for channels in (16, 8)]
    variables = model.init(jax.random.key(0), *parts)
    shared = [sharded_batches(np.asarray(part)[None], mesh)[0] for part in parts]
    program = jax.jit(model.apply).lower(replicated(variables, mesh), *shared).compile()
    assert "all-gather(" not in program.as_text()
    close(program(replicated(variables, mesh), *shared), model.apply(variables, *parts), within=1e-5)


@pytest.mark.parametrize("rows", [16, 4096])
def test_two_devices_compute_a_dense_weight_gradient(rows):
    mesh, layer = make_mesh(2, batch_size=rows), nn.Dense(128, use_bias=False, dot_general=dense_product)
    x, y, params = random(rows, 256, seed=0), random(rows, 128, seed=1), {"kernel": random(256, 128, seed=2)}
    gradient = jax.jit(jax.grad(lambda params, x, y: (y * layer.apply({"params": params}, x)).sum()))
    alone = gradient(params, x, y)["kernel"]
    parts = (sharded_batches(np.asarray(each)[None], mesh)[0] for each in (x, y))
    shared = gradient(replicated(params, mesh), *parts)["kernel"]
    assert shared.sharding.is_fully_replicated
    close(shared, alone, within=1e-5)
    if rows < 256 * 128 / (256 + 128):
        # From all rows, each device computes what one device does, to the bit. A sum of two parts rounds differently.
        np.testing.assert_array_equal(shared, alone)


@pytest.mark.parametrize(("images", "devices"), [(3, 2), (2, 4), (5, 4)])
def test_images_that_do_not_divide_among_the_devices(images, devices):
    """What XLA fills the last device's part with is the cosine of zero, not zero, and no image's."""
    x, kernel = random(images, 8, 8, 16, seed=0), random(3, 3, 16, 16, seed=1)
    part = NamedSharding(make_mesh(devices, batch_size=devices), PartitionSpec("batch"))

    def gradient(convolve, split):
        return jax.grad(lambda kernel: split(convolve(split(jnp.cos(split(x))), kernel)).sum())(kernel)

    shared = jax.jit(lambda: gradient(convolved, lambda images: lax.with_sharding_constraint(images, part)))()
    expected = gradient(by_xla, lambda images: images)
    np.testing.assert_allclose(shared, expected, rtol=1e-4, atol=1e-3)


def test_meshes_of_explicit_axes():
    x, kernel = random(4, 8, 8, 16, seed=0), random(3, 3, 16, 16, seed=1)
    gradient = jax.jit(jax.grad(lambda *arrays: (convolved(*arrays) ** 2).sum(), argnums=(0, 1)))
    with jax.set_mesh(jax.make_mesh((2,), ("images",), axis_types=(AxisType.Explicit,))):
        ours = gradient(jax.device_put(x, PartitionSpec("images")), jax.device_put(kernel, PartitionSpec()))
    for shared, alone in zip(ours, gradient(x, kernel), strict=True):
        close(shared, alone)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (Convolution(16, 3), (4, 8, 8, 16)),
        (Convolution(16, 3, dtype=jnp.bfloat16), (4, 8, 8, 16)),
        (nn.Dense(16, dot_general=dense_product), (4, 16)),
    ],
)
def test_layers_are_learned_in_shard_map(layer, shape):
    x = random(*shape, seed=0)
    variables = layer.init(jax.random.key(0), x)
    batch = PartitionSpec("batch")
    apart = jax.shard_map(
        layer.apply, mesh=make_mesh(2, batch_size=4), in_specs=(PartitionSpec(), batch), out_specs=batch
    )
    ours, expected = (
        jax.jit(jax.grad(lambda variables, apply=apply: (apply(variables, x).astype(jnp.float32) ** 2).sum()))(
            variables
        )
        for apply in (apart, layer.apply)
    )
    assert jax.tree.structure(ours) == jax.tree.structure(variables)
    for shared, alone in zip(*map(jax.tree.leaves, (ours, expected)), strict=True):
        close(shared, alone, within=0.02 if layer.dtype == jnp.bfloat16 else 1e-4)
