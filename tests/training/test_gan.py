"""The properties of the adversarial update."""

import math
import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from random_networks import random_variables

from jaxsr.data.augmentation import augment
from jaxsr.data.degradation.bicubic import bicubic_pair
from jaxsr.models import SRResNet
from jaxsr.models.discriminator import Discriminator
from jaxsr.models.vgg import VGG
from jaxsr.processes.devices import make_mesh, replicated, sharded_batches
from jaxsr.training.calibration import calibrated_feature_scale
from jaxsr.training.gan import (
    GanLosses,
    GanState,
    discriminator_update,
    generator_loss,
    make_gan_step,
)
from jaxsr.training.losses import PIXEL_LOSSES
from jaxsr.training.state import create_state
from jaxsr.training.steps import compile_steps, make_pixel_step

CROP, TAPS = 32, {"conv1_2": 0.5, "relu2_1": 1.0}
GENERATOR, DISCRIMINATOR = SRResNet(features=8, blocks=2), Discriminator(features=4)
FEATURES = VGG(16, tuple(TAPS))
FROZEN = random_variables(FEATURES, side=32)["params"]
# With an epsilon above the rounding noise of gradients that should be zero, whose sign Adam would follow otherwise.
EPSILON = 1e-4
OPTIMIZERS = (optax.adam(1e-3, eps=EPSILON), optax.adam(2e-3, eps=EPSILON))
LOSSES = GanLosses(TAPS, 0.1, adversarial_weight=0.1, pixel_weight=0.05, pixel="l1")


def crops(*shape, seed=0):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (*shape, 8, 8, 3), dtype=np.uint8)
    return coarse.repeat(4, -3).repeat(4, -2)


def fresh(*, ema=False):
    judge = random_variables(DISCRIMINATOR, seed=1, side=CROP, train=False)
    return jax.tree.map(
        jnp.asarray,
        GanState(
            jnp.int32(0),
            create_state(random_variables(GENERATOR), OPTIMIZERS[0], ema=ema),
            create_state(judge, OPTIMIZERS[1], ema=False),
        ),
    )


def make_step(losses=LOSSES, **options):
    return make_gan_step(GENERATOR, DISCRIMINATOR, FEATURES, OPTIMIZERS, losses, seed=0, **options)


@pytest.fixture(scope="module")
def run():
    """`(batches [K, 4, …], devices)` to state and metrics after K updates from the fresh state, or another."""
    steps = compile_steps(make_step(ema=0.9))

    def on_devices(batches, count=1, state=None):
        mesh = make_mesh(count, batch_size=4)
        state = replicated(state or fresh(ema=True), mesh)
        return steps(state, sharded_batches(batches, mesh), replicated(FROZEN, mesh))

    return on_devices


def pair(batch):
    """LR and HR of the first step, as the step makes them."""
    key = jax.random.fold_in(jax.random.key(0), 0)
    return bicubic_pair(augment(key, jnp.asarray(batch)), scale=4)


def equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def test_the_content_loss_moves_the_generator_and_the_step_takes_it_on():
    low, high = pair(crops(2))
    content = LOSSES._replace(adversarial_weight=0.0, pixel_weight=0.0)
    state = fresh()

    @jax.jit
    @partial(jax.grad, argnums=(0, 1))
    def gradient(params, frozen):
        variables = {"params": params, "batch_stats": state.generator.batch_stats}
        images, _ = GENERATOR.apply(variables, low, train=True, mutable=["batch_stats"])
        return generator_loss(DISCRIMINATOR, FEATURES, content, state.discriminator, frozen, images, high, high)[0]

    to_generator, to_vgg = gradient(state.generator.params, FROZEN)
    assert all(np.abs(leaf).max() > 1e-8 for leaf in jax.tree.leaves(to_generator))
    # The loss itself would move VGG; the step has it as an argument alone, and no place in the state for it.
    assert max(np.abs(leaf).max() for leaf in jax.tree.leaves(to_vgg)) > 0
    after, metrics = jax.jit(make_step(content))(state, crops(2), FROZEN)
    np.testing.assert_allclose(metrics["gradient_norm"], optax.tree.norm(to_generator), rtol=1e-3)
    assert not equal(after.generator.params, state.generator.params)


def test_the_discriminator_update_detaches_the_fakes_and_knows_no_generator():
    _, high = pair(crops(2))
    state = fresh().discriminator

    @jax.jit
    @partial(jax.grad, has_aux=True)
    def gradient(fake):
        updated, metrics = discriminator_update(DISCRIMINATOR, OPTIMIZERS[1], LOSSES, state, high, fake)
        return metrics["discriminator"], updated

    to_fake, updated = gradient(0.5 * high)
    assert np.abs(to_fake).max() == 0
    assert not equal(updated.params, state.params)


@pytest.mark.parametrize("adversarial", ["bce", "relativistic"])
def test_a_constant_on_all_logits_changes_the_accuracy_only_where_it_changes_the_loss(adversarial):
    low, high = pair(crops(4))
    fake = jax.image.resize(low * 2 - 1, high.shape, "nearest")
    params = fresh().discriminator.params
    found = []
    for shift in (0.0, 50.0):
        bias = params["dense_1"]["bias"] + shift
        state = fresh().discriminator.replace(params=params | {"dense_1": params["dense_1"] | {"bias": bias}})
        losses = LOSSES._replace(adversarial=adversarial)
        _, metrics = discriminator_update(DISCRIMINATOR, OPTIMIZERS[1], losses, state, high, fake)
        found.append([float(metrics[f"accuracy_{kind}"]) for kind in ("real", "fake")])
    # All is real to a discriminator with such a bias, unless only differences count.
    assert found[1] == ([1.0, 0.0] if adversarial == "bce" else found[0])


def test_judging_leaves_the_discriminators_statistics(run):
    """After a step they are those of the update alone: real first, then fake."""
    batches = crops(1, 4)
    low, high = pair(batches[0])

    @jax.jit
    def alone(state):
        variables = {"params": state.generator.params, "batch_stats": state.generator.batch_stats}
        fake, _ = GENERATOR.apply(variables, low, train=True, mutable=["batch_stats"])
        return discriminator_update(DISCRIMINATOR, OPTIMIZERS[1], LOSSES, state.discriminator, high, fake)[0]

    whole, _ = run(batches)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
        whole.discriminator.batch_stats,
        alone(fresh()).batch_stats,
    )


def test_without_adversary_and_features_the_step_is_srresnets():
    losses = GanLosses({}, 1.0, adversarial_weight=0.0, pixel_weight=1.0)
    state, batch = fresh(ema=True), crops(4)
    ours, metrics = jax.jit(make_step(losses, ema=0.9))(state, batch, FROZEN)
    pixel = make_pixel_step(GENERATOR, OPTIMIZERS[0], seed=0, ema=0.9)
    theirs, theirs_metrics = jax.jit(pixel)(state.generator, batch)
    np.testing.assert_allclose(metrics["loss"], theirs_metrics["loss"], rtol=1e-6)
    np.testing.assert_allclose(metrics["gradient_norm"], theirs_metrics["gradient_norm"], rtol=1e-5)
    for name in ("params", "batch_stats", "ema"):
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5),
            getattr(ours.generator, name),
            getattr(theirs, name),
        )


def test_the_generator_runs_once():
    """Counted by its first convolution, whose 9×9 kernel no gradient convolves with, the input needing none.

    It guards the SRGAN update of benchmarks/README.md (`gan_step.py`).
    """
    # As XLA gets it for CUDA: for a CPU some are made of products.
    program = jax.jit(make_step()).trace(fresh(), crops(2), FROZEN).lower(lowering_platforms=("cuda",)).as_text()
    kernels = re.findall(r"stablehlo\.convolution\(.*: \(tensor<\S+>, tensor<(\S+)xf32>\)", program)
    assert kernels.count("9x9x3x8") == 1
    # VGG sees the upscaled and the original crops, the discriminator both, and the upscaled ones once more; each has
    # one gradient to the upscaled crops.
    assert kernels.count("3x3x3x64") == 2 + 1
    assert kernels.count("3x3x3x4") == 3 + 1


def test_losses_and_statistics_are_the_same_on_one_and_on_four_devices(run):
    # The second update's losses come from parameters that the first one moved.
    batches, one, four = crops(2, 4), None, None
    for step in (0, 1):
        batch = batches[step : step + 1]
        one, one_metrics = jax.device_get(run(batch, state=one))
        four, four_metrics = jax.device_get(run(batch, 4, state=four))
        for name in ("loss", "discriminator", "content", "weighted_adversarial"):
            np.testing.assert_allclose(one_metrics[name], four_metrics[name], rtol=1e-4)
        np.testing.assert_allclose(one_metrics["gradient_norm"], four_metrics["gradient_norm"], rtol=1e-3)
    for network in ("generator", "discriminator"):
        # Batch statistics are those of the whole batch, wherever its parts lie.
        stats = [getattr(state, network).batch_stats for state in (one, four)]
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-3), *stats)


@pytest.mark.parametrize("content", ["mse", "l1"])
def test_the_calibrated_scale_starts_at_the_stated_multiple(content):
    losses = GanLosses(TAPS, 1.0, content=content)
    batch = crops(4)
    scale = calibrated_feature_scale(
        GENERATOR, FEATURES, losses, random_variables(GENERATOR), FROZEN, [batch], ratio=20.0
    )
    low, high = bicubic_pair(jnp.asarray(batch), scale=4)
    fake, _ = GENERATOR.apply(random_variables(GENERATOR), low, train=True, mutable=["batch_stats"])
    sr, hr = (FEATURES.apply({"params": FROZEN}, images) for images in (fake, high))
    value = sum(w * PIXEL_LOSSES[content](scale * sr[tap], scale * hr[tap]).mean() for tap, w in TAPS.items())
    assert value == pytest.approx(20 * 1e-3 * math.log(2), rel=1e-4)
