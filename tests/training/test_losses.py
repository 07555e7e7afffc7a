import math
import typing

import jax.numpy as jnp
import pytest

from jaxsr.config import TrainConfig
from jaxsr.training.losses import PIXEL_LOSSES, adversarial_loss, compared, discriminator_loss


@pytest.mark.parametrize(("loss", "expected"), [("mse", [9.0, 0.0, 0.25]), ("l1", [3.0, 0.0, 0.5])])
def test_pixel_losses_are_elementwise_and_of_both_signs(loss, expected):
    prediction, target = jnp.array([[-2.0, 1.0, 0.5]]), jnp.array([[1.0, 1.0, 0.0]])
    assert PIXEL_LOSSES[loss](prediction, target).tolist() == [expected]


def test_the_flag_names_the_pixel_losses():
    assert typing.get_args(TrainConfig.__annotations__["loss"]) == tuple(PIXEL_LOSSES)


def test_undecided_logits_cost_what_the_paper_says():
    zero = jnp.zeros(3)
    assert discriminator_loss(zero, zero) == pytest.approx(2 * math.log(2))
    assert discriminator_loss(zero, zero, adversarial="relativistic") == pytest.approx(math.log(2))
    assert adversarial_loss(zero, zero) == pytest.approx(math.log(2))
    assert adversarial_loss(zero, zero, adversarial="relativistic") == pytest.approx(math.log(2))


def test_the_relativistic_discriminator_is_judged_by_differences_alone():
    real, fake = jnp.array([3.0, 1.0]), jnp.array([-1.0, 2.0])
    for shift in (0.0, 50.0):
        of_real, of_fake, _ = compared(real + shift, fake + shift, "relativistic")
        assert of_real.tolist() == [2.5, 0.5]
        assert of_fake.tolist() == [-3.0, 0.0]
    assert compared(real, fake, "bce")[:2] == (real, fake)


def test_losses_are_finite_and_linear_far_out():
    high, low = jnp.full(3, 100.0), jnp.full(3, -100.0)
    assert discriminator_loss(high, low) == pytest.approx(0, abs=1e-6)
    assert discriminator_loss(low, high) == pytest.approx(200)
    assert discriminator_loss(high, low, label_smoothing=0.1) == pytest.approx(10)
    assert adversarial_loss(high, low) == pytest.approx(100)
    # Relative to the mean of the other kind, 200 apart; both halves cost it.
    assert adversarial_loss(high, low, adversarial="relativistic") == pytest.approx(200)
    assert discriminator_loss(high, low, adversarial="relativistic") == pytest.approx(0, abs=1e-6)
