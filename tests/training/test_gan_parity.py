"""One full adversarial update against PyTorch."""

from types import SimpleNamespace

import jax
import numpy as np
import pytest
from random_networks import random_variables
from test_gan import CROP, DISCRIMINATOR, EPSILON, FROZEN, GENERATOR, LOSSES, TAPS, crops, fresh, make_step, pair


@pytest.mark.parametrize("adversarial", ["bce", "relativistic"])
def test_one_step_equals_pytorch(adversarial):
    torch = pytest.importorskip("torch", reason="the oracle is PyTorch: pip install '.[oracles]'")
    import torch_twins
    from torch.nn import functional as F

    losses = LOSSES._replace(adversarial=adversarial, label_smoothing=0.1)
    state, batch = fresh(), crops(4)
    ours, metrics = jax.jit(make_step(losses))(state, batch, FROZEN)
    low, high = (torch.from_numpy(np.array(x).transpose(0, 3, 1, 2).copy()) for x in pair(batch))
    g = torch_twins.load(torch_twins.SRResNet(features=8, blocks=2), random_variables(GENERATOR)).train()
    d_variables = random_variables(DISCRIMINATOR, seed=1, side=CROP, train=False)
    d = torch_twins.load(torch_twins.Discriminator(CROP, 4), d_variables).train()
    vgg = SimpleNamespace(features=truncated_vgg(torch, torch_twins))
    g_adam, d_adam = (torch.optim.Adam(n.parameters(), rate, eps=EPSILON) for n, rate in ((g, 1e-3), (d, 2e-3)))
    bce, ones = F.binary_cross_entropy_with_logits, torch.ones(4)

    fake = g(low)
    d_adam.zero_grad()
    real_logits, fake_logits = d(high), d(fake.detach())
    if adversarial == "bce":
        d_loss = bce(real_logits, 0.9 * ones) + bce(fake_logits, 0 * ones)
    else:
        d_loss = bce(real_logits - fake_logits.mean(), 0.9 * ones) / 2
        d_loss = d_loss + bce(fake_logits - real_logits.mean(), 0 * ones) / 2
    d_loss.backward()
    d_adam.step()
    g_adam.zero_grad()
    sr, hr = vgg.features(fake), vgg.features(high)
    content = sum(w * F.mse_loss(0.1 * sr[tap], 0.1 * hr[tap].detach()) for tap, w in TAPS.items())
    fake_logits = d(fake)
    if adversarial == "bce":
        judged = bce(fake_logits, ones)
    else:
        real_logits = d(high).detach()
        judged = bce(real_logits - fake_logits.mean(), 0 * ones) / 2
        judged = judged + bce(fake_logits - real_logits.mean(), ones) / 2
    total = content + 0.1 * judged + 0.05 * F.l1_loss(fake, high)
    total.backward()
    g_adam.step()

    for name, value in (
        ("loss", total),
        ("content", content),
        ("weighted_adversarial", 0.1 * judged),
        ("discriminator", d_loss),
    ):
        np.testing.assert_allclose(metrics[name], value.item(), rtol=1e-4)
    for state, twin in ((ours.generator, g), (ours.discriminator, d)):
        moved = jax.tree.map(np.asarray, {"params": state.params})
        expected = dict(twin.named_parameters())
        for path, value in jax.tree.leaves_with_path(moved["params"]):
            *names, last = [entry.key for entry in path]
            theirs = expected[".".join([*names, {"bias": "bias"}.get(last, "weight")])].detach().numpy()
            value = value.transpose(3, 2, 0, 1) if value.ndim == 4 else value.T if value.ndim == 2 else value
            np.testing.assert_allclose(value.reshape(theirs.shape), theirs, atol=1e-4, err_msg=".".join(names))


def truncated_vgg(torch, torch_twins):
    """{tap: features} of the twin, with the few layers that the taps need."""
    variables = {"params": {name: jax.tree.map(np.asarray, layer) for name, layer in FROZEN.items()}}
    whole = torch_twins.VGG(16)
    whole.counts = (2, 1)
    state = {name: value for name, value in whole.state_dict().items() if name.rsplit(".", 1)[0] not in FROZEN}
    for name, layer in variables["params"].items():
        state[f"{name}.weight"] = torch.from_numpy(layer["kernel"].transpose(3, 2, 0, 1).copy())
        state[f"{name}.bias"] = torch.from_numpy(np.array(layer["bias"]))
    whole.load_state_dict(state)
    return whole
