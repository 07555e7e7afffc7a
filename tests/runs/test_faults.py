import pytest

from jaxsr.errors import InputError
from jaxsr.runs.faults import adversarial_warnings


def log(steps, **values):
    return [{"step": step, **values} for step in range(1, steps + 1)]


def validations(*scores):
    return [{"step": 100 * i, "lpips_alex": score} for i, score in enumerate(scores)]


def test_a_healthy_run_is_left_alone():
    rows = log(2000, content_ratio=20.0, accuracy_real=0.9, accuracy_fake=0.95) + validations(0.3, 0.25, 0.24)
    assert adversarial_warnings(rows) == {}
    assert adversarial_warnings([]) == {}


@pytest.mark.parametrize(("ratio", "cure"), [(0.5, "raise --content-ratio"), (500.0, "lower --content-ratio")])
def test_the_ratio_is_warned_about_outside_the_band_with_the_right_cure(ratio, cure):
    assert cure in adversarial_warnings(log(100, content_ratio=ratio))["ratio"]
    assert adversarial_warnings(log(99, content_ratio=ratio)) == {}


def test_one_bad_stretch_below_half_of_the_window_is_no_trouble():
    rows = log(200, content_ratio=20.0) + [{"step": 200 + i, "content_ratio": 1000.0} for i in range(1, 50)]
    assert adversarial_warnings(rows) == {}


def test_a_saturated_discriminator_is_named_after_a_thousand_steps():
    assert adversarial_warnings(log(999, accuracy_real=1.0, accuracy_fake=1.0)) == {}
    assert (
        "--discriminator-learning-rate"
        in adversarial_warnings(log(1000, accuracy_real=1.0, accuracy_fake=1.0))["saturated"]
    )
    assert adversarial_warnings(log(1000, accuracy_real=1.0, accuracy_fake=0.99)) == {}


def test_lpips_that_gets_worse_is_warned_about_and_then_ends_the_run():
    assert adversarial_warnings(validations(0.30, 0.20, 0.25, 0.27, 0.31))["worse"]
    assert adversarial_warnings(validations(0.30, 0.20, 0.25, 0.27, 0.29)) == {}
    assert "worse" in adversarial_warnings(validations(0.30, *[0.31] * 9))
    with pytest.raises(InputError, match="10 validations"):
        adversarial_warnings(validations(0.30, *[0.31] * 10))
