import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxsr.data.augmentation import augment
from jaxsr.data.degradation.bicubic import bicubic_pair
from jaxsr.models import ESPCN, SRCNN, SRResNet
from jaxsr.models.initialisation import initialise
from jaxsr.processes.devices import make_mesh, replicated, sharded_batches
from jaxsr.training.soap import soap
from jaxsr.training.state import create_state
from jaxsr.training.steps import compile_steps, make_pixel_step

OPTIMIZER = optax.adam(1e-3)
SMALL = {"srresnet": SRResNet(features=8, blocks=1), "espcn": ESPCN(), "srcnn": SRCNN()}


def crops(*shape, seed=0):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (*shape, 6, 6, 3), dtype=np.uint8)
    return coarse.repeat(4, -3).repeat(4, -2)


def fresh(model, *, ema=False):
    return create_state(initialise(jax.random.key(1), model, initialisation="paper"), OPTIMIZER, ema=ema)


@pytest.fixture(scope="module")
def run():
    """`(batches [K, 8, …], devices)` to state and metrics of a small SRResNet after K updates, from the given state."""
    steps = compile_steps(make_pixel_step(SMALL["srresnet"], OPTIMIZER, seed=0, ema=0.5))

    def on_devices(batches, count=1, state=None):
        mesh = make_mesh(count, batch_size=8)
        state = replicated(state or fresh(SMALL["srresnet"], ema=True), mesh)
        return jax.device_get(steps(state, sharded_batches(batches, mesh)))

    return on_devices


@pytest.mark.parametrize(
    ("name", "optimizer"),
    [*((name, optax.adam(1e-2)) for name in SMALL), ("srresnet", soap(1e-2))],
    ids=[*(f"{name}-adam" for name in SMALL), "srresnet-soap"],
)
def test_ten_steps_on_one_batch_lower_the_loss(name, optimizer):
    model = SMALL[name]
    run = compile_steps(make_pixel_step(model, optimizer, seed=0))
    state = create_state(initialise(jax.random.key(1), model, initialisation="paper"), optimizer, ema=False)
    flat = np.broadcast_to(crops(1, 4)[:, :, :1, :1], (1, 4, 24, 24, 3))
    losses = []
    for _ in range(10):
        state, metrics = run(state, flat)
        losses.append(float(metrics["loss"][0]))
    assert losses[-1] < 0.8 * losses[0]
    assert int(state.step) == 10


@pytest.mark.parametrize("devices", [2, 8])
def test_losses_and_parameters_are_the_same_on_one_device_and_on_more(run, devices):
    batches, one, more = crops(2, 8), None, None
    for step in (0, 1):
        batch = batches[step : step + 1]
        (one, one_metrics), (more, more_metrics) = run(batch, state=one), run(batch, devices, state=more)
        np.testing.assert_allclose(one_metrics["loss"], more_metrics["loss"], rtol=1e-5)
    # Adam turns the sign of a tiny gradient into a whole step, so parameters agree to a fraction of one.
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=3e-4), one.params, more.params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), one.batch_stats, more.batch_stats)


def test_several_steps_in_one_dispatch_equal_single_ones(run):
    batches = crops(2, 8)
    together, metrics = run(batches)
    first, before = run(batches[:1])
    second, after = run(batches[1:], state=first)
    np.testing.assert_allclose(metrics["loss"], np.ravel([before["loss"], after["loss"]]), rtol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=3e-4), together.params, second.params)


def test_the_unrolled_steps_equal_lax_scan():
    model, batches = SMALL["espcn"], crops(2, 1)
    step = make_pixel_step(model, OPTIMIZER, seed=0)
    _, scanned = jax.lax.scan(step, fresh(model), batches)
    _, unrolled = compile_steps(step)(fresh(model), batches)
    np.testing.assert_allclose(scanned["loss"], unrolled["loss"], rtol=1e-5)


@pytest.mark.parametrize("loss", ["mse", "l1"])
def test_the_loss_is_that_of_the_pair_the_key_makes(loss):
    model, batch = SMALL["espcn"], crops(4)
    state = fresh(model)
    _, metrics = jax.jit(make_pixel_step(model, OPTIMIZER, seed=5, loss=loss))(state, batch)
    low, high = bicubic_pair(augment(jax.random.fold_in(jax.random.key(5), 0), jnp.asarray(batch)), scale=4)
    difference = np.asarray(model.apply({"params": state.params}, low) - high, np.float64)
    expected = (difference**2).mean() if loss == "mse" else np.abs(difference).mean()
    np.testing.assert_allclose(metrics["loss"], expected, rtol=1e-5)


def test_each_step_draws_its_own_augmentation():
    model, batch = SMALL["espcn"], crops(4)
    step = make_pixel_step(model, optax.sgd(0.0), seed=0)
    state = create_state(initialise(jax.random.key(1), model), optax.sgd(0.0), ema=False)
    losses = set()
    step = jax.jit(step)
    for _ in range(6):
        state, metrics = step(state, batch)
        losses.add(float(metrics["loss"]))
    # The parameters stand still, so only the draw of one in 8^4 flips and turns can change the loss.
    assert len(losses) > 3


def test_adam_moves_as_its_closed_form_says():
    """The first Adam update is learning rate × sign of the gradient (Kingma and Ba 2015, algorithm 1)."""
    model, batch = SMALL["espcn"], crops(4)
    before = fresh(model)
    after, _ = jax.jit(make_pixel_step(model, OPTIMIZER, seed=0))(before, batch)
    moves = np.concatenate(
        [np.ravel(a - b) for a, b in zip(*map(jax.tree.leaves, (after.params, before.params)), strict=True)]
    )
    assert np.median(np.abs(moves)) == pytest.approx(1e-3, rel=1e-2)


def test_the_average_follows_parameters_and_batch_statistics(run):
    batches, start = crops(2, 8), fresh(SMALL["srresnet"])
    state, _ = run(batches)
    one, _ = run(batches[:1])

    # Decays of the two steps: (1 + 0)/(10 + 0) and (1 + 1)/(10 + 1), both below 0.5.
    def expected(first, second, third):
        return 2 / 11 * (0.1 * first + 0.9 * second) + 9 / 11 * third

    for part in ("params", "batch_stats"):
        trees = (getattr(start, part), getattr(one, part), getattr(state, part))
        jax.tree.map(
            lambda average, *values: np.testing.assert_allclose(average, expected(*values), atol=2e-4),
            state.ema[part],
            *trees,
        )


def test_bfloat16_computes_close_to_float32_and_keeps_float32_state():
    batch = crops(4)
    losses = {}
    for dtype in (jnp.float32, jnp.bfloat16):
        model = SRResNet(features=8, blocks=1, dtype=dtype)
        state, metrics = jax.jit(make_pixel_step(model, OPTIMIZER, seed=0))(fresh(model), batch)
        losses[dtype] = float(metrics["loss"])
        assert {leaf.dtype for leaf in jax.tree.leaves(state.params)} == {jnp.dtype("float32")}
    assert losses[jnp.bfloat16] == pytest.approx(losses[jnp.float32], rel=0.02)
