"""One switch turns all kernels for CPUs off, and the trial holds them to XLA's."""

import os
import subprocess
import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsr
from jaxsr.commands.flags import use_kernels
from jaxsr.errors import InputError
from jaxsr.kernels import convolution, onednn, trial
from jaxsr.kernels.choice import RULES, VARIABLE, chosen, program_kind
from jaxsr.models import SRResNet
from jaxsr.models.discriminator import Discriminator


def lowered(function, *arguments):
    return jax.jit(function).trace(*arguments).lower(lowering_platforms=("cpu",)).as_text()


@pytest.fixture
def network():
    model, low = SRResNet(blocks=1, features=16), jnp.asarray(np.random.default_rng(0).random((2, 8, 8, 3), np.float32))
    return model, model.init(jax.random.key(0), low), low


def loss(model, variables, low):
    y, _ = model.apply(variables, low, train=True, mutable="batch_stats")
    return (y**2).mean()


def test_without_kernels_everything_is_xlas(network, monkeypatch):
    model, variables, low = network
    ours = jax.jit(jax.value_and_grad(lambda v: loss(model, v, low)))(variables)
    monkeypatch.setenv(VARIABLE, "xla")
    step = jax.value_and_grad(lambda v: loss(model, v, low))
    program = lowered(step, variables)
    assert "onednn" not in program
    assert "CustomSPMDPartitioning" not in program
    assert "dot_general" not in program
    assert program_kind() == ["XLA"]
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(jax.jit(step)(variables)), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4 * float(abs(b).max()) + 1e-7)
    judge, images = Discriminator(), jnp.zeros((1, 96, 96, 3))
    shapes = jax.eval_shape(partial(judge.init, train=True), jax.random.key(0), images)
    text = lowered(lambda v: judge.apply(v, images, train=True, mutable="batch_stats")[0], shapes)
    assert "onednn" not in text


def test_an_unknown_setting_is_refused_at_once(monkeypatch):
    monkeypatch.setenv(VARIABLE, "fastest")
    with pytest.raises(InputError, match="JAXSR_KERNELS=fastest is unknown: choose auto, xla, untried"):
        use_kernels(None)
    with pytest.raises(InputError, match=r"^JAXSR_KERNELS=fastest is unknown"):
        jaxsr.load("espcn")
    # The flag wins, and monkeypatch restores the variable.
    use_kernels("xla")
    assert program_kind() == ["XLA"]


def test_every_rule_says_why_and_what_it_gains():
    assert all(rule.why for rule in RULES)
    assert all(rule.gain for rule in RULES if "xla" not in rule.method)
    # Nothing is left without a method.
    for part in {rule.part for rule in RULES}:
        assert [rule for rule in RULES if rule.part == part][-1].applies(None)


@pytest.mark.skipif(not onednn.DTYPES, reason="oneDNN is not there")
def test_the_trial_finds_that_this_jaxlib_agrees(monkeypatch, capsys):
    # What it sets for the process of its own that it starts.
    monkeypatch.setenv(VARIABLE, "untried")
    assert trial.main() == 0
    assert "results agree with XLA's" in capsys.readouterr().out


def test_the_trial_has_a_case_of_each_method(monkeypatch):
    # Traced as on a processor with everything, and not run.
    monkeypatch.setattr(onednn, "DTYPES", frozenset({"float32", "bfloat16"}))
    monkeypatch.setattr(onednn, "AMX", True)
    monkeypatch.setenv(VARIABLE, "untried")
    seen, results = set(), trial._results

    def noted(part, case):
        method = chosen(part, case)
        seen.add((part, method))
        return method

    def traced(convolve, *arrays):
        return jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), jax.eval_shape(partial(results, convolve), *arrays))

    monkeypatch.setattr(convolution, "chosen", noted)
    monkeypatch.setattr(trial, "_results", traced)
    assert trial.main() == 0
    assert {(rule.part, rule.method) for rule in RULES if rule.method != "xla"} <= seen


def test_without_onednn_the_trial_says_just_that():
    environment = os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2"}
    environment.pop(VARIABLE, None)
    command = [sys.executable, "-m", "jaxsr.kernels.trial"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert (result.returncode, result.stderr) == (2, "this processor or platform has no oneDNN to try\n")
