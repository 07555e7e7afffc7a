"""Forward passes against PyTorch twins on the same random weights."""

from functools import partial

import jax
import numpy as np
import pytest
from random_networks import images, random_variables

from jaxsr.models import ESPCN, SRCNN, SRResNet

torch = pytest.importorskip("torch", reason="the PyTorch twins need the extra `oracles`")

import torch_twins  # noqa: E402

SCALES = [2, 3, 4, 8]
SMALL = {"features": 8, "blocks": 2}


def twin_output(twin, x):
    with torch.no_grad():
        return twin(torch.from_numpy(x.transpose(0, 3, 1, 2).copy())).numpy().transpose(0, 2, 3, 1)


@pytest.mark.parametrize(("scale", "output"), [(2, "linear"), (3, "linear"), (4, "tanh"), (8, "linear")])
def test_srresnet_in_inference_mode(scale, output):
    options = {"scale": scale, "output": output, **SMALL}
    variables, x = random_variables(SRResNet(**options)), images(2, 11, 13)
    twin = torch_twins.load(torch_twins.SRResNet(**options), variables).eval()
    ours = jax.jit(SRResNet(**options).apply)(variables, x)
    np.testing.assert_allclose(ours, twin_output(twin, x), atol=2e-5, rtol=1e-4)


def test_srresnet_in_training_mode_and_its_running_statistics():
    variables, x = random_variables(SRResNet(**SMALL)), images(3, 11, 13)
    twin = torch_twins.load(torch_twins.SRResNet(**SMALL), variables).train()
    train = partial(SRResNet(**SMALL).apply, train=True, mutable=["batch_stats"])
    ours, updated = jax.jit(train)(variables, x)
    np.testing.assert_allclose(ours, twin_output(twin, x), atol=5e-5, rtol=1e-4)

    state, samples = twin.state_dict(), 3 * 11 * 13
    for path in (("block_0", "norm_1"), ("block_1", "norm_2"), ("norm_body",)):
        before, after = variables["batch_stats"], updated["batch_stats"]
        for name in path:
            before, after = before[name], after[name]
        name = ".".join(path)
        np.testing.assert_allclose(after["mean"], state[f"{name}.running_mean"], atol=1e-5, rtol=1e-4)
        # PyTorch keeps the unbiased variance, Flax the biased one.
        step = (state[f"{name}.running_var"].numpy() - 0.9 * before["var"]) * (samples - 1) / samples
        np.testing.assert_allclose(after["var"], 0.9 * before["var"] + step, atol=1e-5, rtol=1e-4)


def test_srresnet_as_published():
    variables, x = random_variables(SRResNet()), images(1, 16, 16)
    expected = twin_output(torch_twins.load(torch_twins.SRResNet(), variables).eval(), x)
    ours = jax.jit(SRResNet().apply)(variables, x)
    np.testing.assert_allclose(ours, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("scale", SCALES)
def test_espcn(scale):
    variables, x = random_variables(ESPCN(scale=scale)), images(2, 11, 13)
    twin = torch_twins.load(torch_twins.ESPCN(scale), variables)
    np.testing.assert_allclose(jax.jit(ESPCN(scale).apply)(variables, x), twin_output(twin, x), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("scale", "kernels"), [(2, (9, 1, 5)), (3, (9, 5, 5)), (4, (9, 1, 5)), (8, (9, 5, 5))], ids=str
)
def test_srcnn(scale, kernels):
    model = SRCNN(scale=scale, kernels=kernels)
    variables, x = random_variables(model), images(2, 11, 13)
    twin = torch_twins.load(torch_twins.SRCNN(scale, kernels), variables)
    np.testing.assert_allclose(jax.jit(model.apply)(variables, x), twin_output(twin, x), atol=2e-5, rtol=1e-4)
