import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxsr.training.state import create_state, learning_rate_schedule


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [2e-3, 2e-3, 2e-3]),
        ("step", [2e-3, 2e-4, 2e-4]),
        ("cosine", [2e-3 * 0.5 * (1 + np.cos(np.pi * n / 100)) for n in (31, 61, 100)]),
    ],
)
def test_schedules_follow_their_closed_forms(schedule, expected):
    rate = learning_rate_schedule(2e-3, 100, schedule=schedule)
    np.testing.assert_allclose([rate(30), rate(60), rate(99)], expected, rtol=1e-5, atol=1e-9)


def test_warmup_rises_linearly_to_the_peak():
    rate = learning_rate_schedule(1.0, 1000, schedule="constant", warmup=10)
    np.testing.assert_allclose([rate(n) for n in range(12)], [*np.arange(1, 11) / 10, 1, 1], rtol=1e-6)


def test_the_average_of_a_constant_is_that_constant_and_forgets_its_start():
    resting = optax.set_to_zero()
    state = create_state({"params": {"w": jnp.zeros(3)}}, resting, ema=True).replace(params={"w": jnp.full(3, 7.0)})
    update = jax.jit(lambda state: state.updated(resting, state.params, {}, ema=0.99))
    for _ in range(400):
        state = update(state)
    assert state.step == 400
    # The weight left on the start is the product of the decays.
    left = np.prod(np.minimum(0.99, (1 + np.arange(400)) / (10 + np.arange(400))))
    np.testing.assert_allclose(state.ema["params"]["w"], 7 * (1 - left), rtol=1e-5)


def test_exported_is_the_average_only_where_there_is_one():
    variables = {"params": {"w": jnp.ones(2)}}
    plain = create_state(variables, optax.adam(1e-3), ema=False)
    averaged = create_state(variables, optax.adam(1e-3), ema=True)
    averaged = averaged.replace(ema=jax.tree.map(lambda x: x * 3, averaged.ema))
    np.testing.assert_array_equal(plain.exported()["params"]["w"], 1)
    np.testing.assert_array_equal(averaged.exported()["params"]["w"], 3)
