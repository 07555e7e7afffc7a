import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxsr.training.soap import soap

RATE, B1, B2, DECAY, EPSILON = 1e-2, 0.9, 0.98, 0.95, 1e-8


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def orthogonal(length, seed=0):
    return np.linalg.qr(random(length, length, seed=seed))[0]


def updates(optimizer, gradients):
    """What the optimiser does with one gradient after the other."""
    state = optimizer.init(gradients[0])
    done = []
    for gradient in gradients:
        update, state = jax.jit(optimizer.update)(gradient, state)
        done.append(update)
    return done


def paper_s(gradients):
    """Algorithms 3 and 4 on matrices, in float64, with bases refreshed by each gradient before it is projected."""
    left = right = mean = square = 0.0
    bases = None
    for count, g in enumerate(gradients, start=1):
        left = DECAY * left + (1 - DECAY) * g @ g.T
        right = DECAY * right + (1 - DECAY) * g.T @ g
        if bases is None:
            bases = [np.linalg.eigh(each)[1][:, ::-1] for each in (left, right)]
        else:
            bases = [np.linalg.qr(each @ basis)[0] for each, basis in zip((left, right), bases, strict=True)]
        mean = B1 * mean + (1 - B1) * g
        square = B2 * square + (1 - B2) * (bases[0].T @ g @ bases[1]) ** 2
        moved = bases[0].T @ (mean / (1 - B1**count)) @ bases[1]
        yield -RATE * bases[0] @ (moved / (np.sqrt(square / (1 - B2**count)) + EPSILON)) @ bases[1].T


def test_updates_are_the_paper_s():
    # Well separated eigenvalues, so that their order stays.
    size = 2.0 ** -np.arange(6)
    gradients = [
        orthogonal(6)
        @ (np.diag(size) + 0.1 * np.sqrt(np.outer(size, size)) * random(6, 6, seed=number))
        @ orthogonal(6, 1)
        for number in range(40)
    ]
    kernels = [{"kernel": jnp.asarray(g.reshape(1, 2, 3, 6), jnp.float32)} for g in gradients]
    ours = updates(soap(RATE, refresh=1), kernels)
    for update, expected in list(zip(ours, paper_s(gradients), strict=True))[1:]:
        np.testing.assert_allclose(update["kernel"].reshape(6, 6), expected, atol=0.01 * RATE)


def test_diagonal_gradients_are_followed_as_by_adam_while_their_eigenvalues_change_places():
    gradients = [np.diag([1.0, 0.3] if number < 10 else [0.2, 0.9]).reshape(1, 1, 2, 2) for number in range(60)]
    # An epsilon above the rounding errors beside the diagonal.
    soaps = updates(soap(RATE, refresh=3, epsilon=1e-3), gradients)
    adams = updates(optax.adam(RATE, b2=B2, eps=1e-3), gradients)
    for ours, adam in list(zip(soaps, adams, strict=True))[1:]:
        np.testing.assert_allclose(ours, adam, atol=1e-3 * RATE)


def test_the_first_update_only_begins_the_bases():
    (update,) = updates(soap(RATE), [{"kernel": random(3, 3, 2, 4), "bias": random(4)}])
    assert not np.any(update["kernel"])
    np.testing.assert_allclose(np.abs(update["bias"]), RATE, rtol=1e-4)


@pytest.mark.parametrize("shape", [(), (5,), (6, 7)])
def test_what_is_no_kernel_is_moved_by_adam(shape):
    gradients = [random(*shape, seed=seed) for seed in range(5)]
    for ours, adam in zip(updates(soap(RATE, b2=0.999), gradients), updates(optax.adam(RATE), gradients), strict=True):
        np.testing.assert_allclose(ours, adam, rtol=1e-5)


def test_a_rotation_of_the_problem_rotates_the_updates():
    # What sets it apart from Adam, which depends on the axes.
    rows, columns = orthogonal(6), orthogonal(6, seed=1)
    gradients = [random(1, 1, 6, 6, seed=seed) for seed in range(25)]
    rotated = [rows @ g @ columns.T for g in gradients]
    for plain, turned in zip(updates(soap(RATE), gradients), updates(soap(RATE), rotated), strict=True):
        np.testing.assert_allclose(rows @ plain @ columns.T, turned, atol=0.01 * RATE)


def test_a_valley_whose_axes_are_not_the_parameters_is_descended_faster_than_by_adam():
    rows, columns = (orthogonal(n) for n in (16, 8))
    curvature = 10.0 ** -np.linspace(0, 2, 16)[:, None] * 10.0 ** -np.linspace(0, 2, 8)[None]

    def objective(kernel):
        return jnp.sum(curvature * (rows.T @ kernel.reshape(16, 8) @ columns) ** 2)

    def descended(make):
        optimizer = make(optax.cosine_decay_schedule(0.1, 300))
        kernel = jnp.asarray(random(1, 1, 16, 8))
        state = optimizer.init(kernel)

        @jax.jit
        def step(kernel, state):
            update, state = optimizer.update(jax.grad(objective)(kernel), state)
            return kernel + update, state

        for _ in range(300):
            kernel, state = step(kernel, state)
        return objective(kernel)

    assert descended(soap) < 0.1 * descended(optax.adam)
