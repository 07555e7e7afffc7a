"""What a run refuses before anything is read or written."""

import dataclasses
import typing
from functools import partial

import jax
import jax.numpy as jnp
import pytest

from jaxsr.commands.train import RECIPES, chosen_config
from jaxsr.config import TrainConfig
from jaxsr.errors import InputError
from jaxsr.models.unet import UNetDiscriminator
from jaxsr.training.checks import USED_BY, check
from jaxsr.training.network import build

STAGES = typing.get_args(TrainConfig.__annotations__["stage"])


def refusal(**values):
    """Why these settings are refused; None if they are not."""
    try:
        check(TrainConfig(**values))
    except InputError as error:
        return str(error)


@pytest.mark.parametrize("stage", ["srresnet", "srgan", "espcn", "srcnn"])
def test_the_defaults_pass(stage):
    assert refusal(stage=stage) is None


@pytest.mark.parametrize(
    ("data", "workdir"), [("samples", "samples/run"), ("photos", "photos/.run"), ("photos", "photos2/run")]
)
def test_a_workdir_where_no_photos_are_searched_is_accepted(data, workdir):
    assert refusal(data=(data,), workdir=workdir) is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"blocks": -1}, "--blocks -1"),
        ({"warmup": -5}, "--warmup -5"),
        ({"seed": 2**32}, "--seed 4294967296: must fit into 32 bits"),
        ({"steps_per_dispatch": -1}, "--steps-per-dispatch -1: must be at least 1"),
        ({"batch_size": 0}, "--batch-size 0: must be at least 1"),
        ({"scale": 5}, "--scale 5: choose 2, 3, 4 or 8"),
        ({"stage": "rrdbnet", "scale": 3}, "--scale 3: choose 1, 2 or 4"),
        ({"stage": "rrdbnet", "growth": 0}, "--growth 0: must be at least 1"),
        ({"stage": "compact", "convolutions": 0}, "--convolutions 0: must be at least 1"),
        ({"crop": 50}, "--crop 50 is not a multiple of --scale 4"),
        ({"crop": 72}, "--crop 72: .* multiple of 16"),
        ({"crop": 76, "discriminator": "unet"}, "--crop 76: .* multiple of 8"),
        ({"perceptual": "lpips", "content_loss": "l1"}, "--content-loss l1: LPIPS"),
        ({"data": ("photos", "."), "workdir": "runs/a"}, "--workdir runs/a lies in --data ."),
        ({"data": ("photos",), "workdir": "other/../photos"}, "--workdir other/../photos lies in --data photos"),
        ({"lr": ("low",), "data": ("high",), "workdir": "low/a"}, "--workdir low/a lies in --lr low"),
        ({"validation_lr": ("low",)}, "--validation-lr .* --validation"),
        ({"kernel_sides": (9, 0, 5)}, "--kernel-sides"),
        ({"kernel_sides": (8, 2, 4)}, "--kernel-sides"),
        ({"learning_rate": float("inf")}, "--learning-rate inf"),
        ({"discriminator_learning_rate": 0.0}, "--discriminator-learning-rate 0"),
        ({"feature_scale": 0.0}, "--feature-scale 0"),
        ({"content_ratio": float("nan")}, "--content-ratio nan"),
        ({"label_smoothing": 0.7}, "--label-smoothing 0.7: must be at least 0 and below 0.5"),
        ({"ema": 1.0}, "--ema 1.0: must be at least 0 and below 1"),
        ({"pixel_weight": -1.0}, "--pixel-weight -1"),
        ({"optimizer": "soap"}, "--optimizer soap: .* adam"),
        ({"extend": True, "resume": False}, "--extend .* --no-resume"),
        ({"early_stop": 3}, "--early-stop 3 .* --validation"),
        ({"early_stop": 0, "validation": ("samples",)}, "--early-stop 0"),
        ({"adversarial_weight": 0.0}, "set --feature-scale"),
        ({"taps": ("conv1_1",), "tap_weights": (1.0, 2.0)}, "--tap-weights has 2 values for 1 --taps"),
        ({"taps": ("conv1_1",), "tap_weights": (0.0,)}, "--tap-weights"),
        ({"taps": ("conv1_1", "conv1_2"), "tap_weights": (2.0, -1.0)}, "--tap-weights"),
    ],
)
def test_values_that_no_run_can_have_are_refused(values, words):
    with pytest.raises(InputError, match=words):
        check(TrainConfig(**({"stage": "srgan"} | values)))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"stage": "srresnet", "discriminator": "unet"}, "--discriminator has no use with --stage srresnet"),
        ({"stage": "srresnet", "perceptual": "nonsense"}, "--perceptual has"),
        ({"stage": "espcn", "features": 32}, "--features has no use with --stage espcn"),
        ({"stage": "compact", "blocks": 2}, "--blocks has"),
        ({"stage": "rrdbnet", "from_scratch": True}, "--from-scratch has"),
        ({"stage": "srgan", "kernel_sides": (9, 5, 5)}, "--kernel-sides has"),
        ({"stage": "srgan", "global_pool": True, "discriminator": "unet"}, "--global-pool .* --discriminator unet"),
        ({"stage": "espcn", "init": "espcn", "initialisation": "paper"}, "--initialisation has no use with --init"),
    ],
)
def test_settings_that_would_change_nothing_are_refused_of_new_runs(values, words):
    with pytest.raises(InputError, match=words):
        check(TrainConfig(**values))
    check(TrainConfig(**values), begun=True)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--stage", "fsrcnn"], "--stage fsrcnn is unknown"),
        # A recipe is no stage.
        (["--stage", "srgan_short"], "--stage srgan_short .* srresnet, srgan, espcn, srcnn, rrdbnet, compact"),
        (["--config", "fsrcnn"], "--config fsrcnn .*srgan_short"),
    ],
)
def test_unknown_stages_and_recipes_are_refused(words, sentence):
    with pytest.raises(InputError, match=sentence):
        chosen_config(words)


@pytest.mark.parametrize("recipe", RECIPES)
def test_all_recipes_pass_and_name_only_what_their_stage_uses(recipe):
    config, usual = chosen_config(["--config", recipe]), TrainConfig()
    check(config)
    changed = {name for name in USED_BY if getattr(config, name) != getattr(usual, name)}
    assert all(config.stage in USED_BY[name] for name in changed)


def test_networks_have_the_fields_that_their_stages_use():
    fields = {stage: {each.name for each in dataclasses.fields(build(TrainConfig(stage=stage)))} for stage in STAGES}
    for setting in ("features", "blocks", "output", "growth", "convolutions", "kernel_sides"):
        name = {"kernel_sides": "kernels"}.get(setting, setting)
        assert {stage for stage in STAGES if name in fields[stage]} == set(USED_BY[setting])


def test_the_u_net_takes_crops_that_it_can_halve_three_times():
    check(TrainConfig(stage="srgan", crop=72, discriminator="unet"))
    judged = partial(UNetDiscriminator(4).init_with_output, train=False)
    assert jax.eval_shape(judged, jax.random.key(0), jnp.zeros((1, 72, 72, 3)))[0].shape == (1, 72, 72)


def test_an_adversarial_weight_of_zero_is_for_a_fixed_feature_scale():
    assert refusal(stage="srgan", adversarial_weight=0.0, feature_scale=0.1) is None
