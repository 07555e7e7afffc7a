"""Transparent pictures against the same pictures on their background."""

import numpy as np
import pytest
from PIL import Image
from random_networks import random_variables

import jaxsr
from jaxsr.imaging.resize import resize_uint8
from jaxsr.models import ESPCN
from jaxsr.weights import Weights, save_weights


def disc(side, *, hidden):
    """An orange disc with a soft edge, `hidden` colours where nothing is seen: [side, side, 4] uint8."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    alpha = np.clip(side / 3 - np.hypot(x, y) + 0.5, 0, 1)
    pixels = np.empty((side, side, 4))
    pixels[..., :3] = np.where(alpha[..., None] > 0, (250, 140, 30), hidden)
    pixels[..., 3] = 255 * alpha
    return np.round(pixels).astype(np.uint8)


def on(background, rgba):
    alpha = rgba[..., 3:] / 255
    return alpha * rgba[..., :3] + (1 - alpha) * np.asarray(background, float)


@pytest.mark.parametrize("background", [(0, 0, 0), (255, 255, 255), (20, 90, 200)])
@pytest.mark.parametrize("hidden", [(0, 255, 0), (0, 0, 0), (255, 255, 255)])
def test_no_fringe_of_what_was_hidden(hidden, background):
    rgba = disc(48, hidden=hidden)
    ours = on(background, np.asarray(jaxsr.load("bicubic")(Image.fromarray(rgba))))
    flat = np.round(on(background, rgba)).astype(np.uint8)
    expected = resize_uint8(flat, 4)
    # Bicubic is linear: only roundings and what overshoots either range are left.
    difference = np.abs(ours - expected)
    assert difference.mean() < 0.5
    assert np.quantile(difference, 0.999) < 20
    # What others do: colours as they are, whatever they hide.
    naive = np.dstack([resize_uint8(rgba[..., :3], 4), resize_uint8(rgba[..., 3], 4)])
    if np.abs(np.subtract(hidden, background)).max() > 100:
        assert np.abs(on(background, naive) - expected).max() > 2 * difference.max()


def test_a_network_has_no_fringe_either(tmp_path):
    model = ESPCN()
    save_weights(tmp_path / "net.safetensors", Weights(model, random_variables(model), {}))
    network = jaxsr.load(tmp_path / "net.safetensors")
    pictures = [np.asarray(network(Image.fromarray(disc(40, hidden=hidden)))) for hidden in ((0, 255, 0), (0, 0, 0))]
    np.testing.assert_array_equal(*pictures)


def test_what_is_wholly_transparent_stays_so_and_what_is_opaque_too():
    rgba = disc(60, hidden=(0, 255, 0))
    rgba[:, 40:, 3] = 0
    upscaled = np.asarray(jaxsr.load("bicubic")(Image.fromarray(rgba)))
    assert (upscaled[:, 4 * 43 :] == 0).all()
    assert (upscaled[4 * 25 : 4 * 35, 4 * 25 : 4 * 35, 3] == 255).all()
