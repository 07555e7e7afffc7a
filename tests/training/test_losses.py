import math

import jax.numpy as jnp
import pytest

from jaxsr.training.losses import adversarial_loss, discriminator_loss


def test_undecided_logits_cost_what_the_paper_says():
    zero = jnp.zeros(3)
    assert discriminator_loss(zero, zero) == pytest.approx(2 * math.log(2))
    assert discriminator_loss(zero, zero, adversarial="relativistic") == pytest.approx(math.log(2))
    assert adversarial_loss(zero, zero) == pytest.approx(math.log(2))
    assert adversarial_loss(zero, zero, adversarial="relativistic") == pytest.approx(math.log(2))


def test_losses_are_finite_and_linear_far_out():
    high, low = jnp.full(3, 100.0), jnp.full(3, -100.0)
    assert discriminator_loss(high, low) == pytest.approx(0, abs=1e-6)
    assert discriminator_loss(low, high) == pytest.approx(200)
    assert discriminator_loss(high, low, label_smoothing=0.1) == pytest.approx(10)
    assert adversarial_loss(high, low) == pytest.approx(100)
    # Relative to the mean of the other kind, 200 apart; both halves cost it.
    assert adversarial_loss(high, low, adversarial="relativistic") == pytest.approx(200)
    assert discriminator_loss(high, low, adversarial="relativistic") == pytest.approx(0, abs=1e-6)
