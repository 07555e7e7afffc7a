"""Scores on whole photos."""

import jax
import numpy as np
import optax
import pytest
from random_networks import images, random_variables

import jaxsr
from jaxsr.data.degradation.bicubic import bicubic_pair
from jaxsr.evaluation.protocol import evaluate
from jaxsr.models import ESPCN, SRCNN
from jaxsr.models.initialisation import initialise
from jaxsr.runs.validation import make_validation
from jaxsr.training.losses import PIXEL_LOSSES
from jaxsr.training.state import TrainState, create_state
from jaxsr.training.steps import make_pixel_step
from jaxsr.weights import Weights, save_weights


def test_a_photo_that_is_reproduced_exactly_does_not_hide_the_others():
    model = ESPCN(scale=2)
    variables = initialise(jax.random.key(0), model)
    # A network that answers black everywhere, and a black photo.
    params = jax.tree_util.tree_map_with_path(
        lambda path, leaf: np.full_like(leaf, -10 if path[-1].key == "bias" else 0), variables["params"]
    )
    state = TrainState(np.int32(0), params, {}, None, None)
    noise = np.uint8(255 * images(40, 40))
    photos = {"black": np.zeros((40, 40, 3), np.uint8), "noise": noise}
    both = make_validation(model, photos, workdir=None)(state, None)["psnr_y"]
    alone = make_validation(model, {"noise": noise}, workdir=None)(state, None)["psnr_y"]
    assert np.isfinite(alone)
    np.testing.assert_allclose(both, (100 + alone) / 2)


def test_a_gray_photo_has_the_score_of_the_evaluation(tmp_path):
    model = SRCNN(scale=2)
    variables = random_variables(model)
    save_weights(tmp_path / "srcnn.safetensors", Weights(model, variables, {}))
    photo = np.uint8(255 * images(48, 48)[:, :, 0])
    upscaler = jaxsr.load(tmp_path / "srcnn.safetensors")
    expected = evaluate(upscaler, [("photo", photo)], scale=2, metrics=("psnr_y", "ssim_wang"))["mean"]
    state = create_state(variables, optax.sgd(0.0), ema=False)
    assert make_validation(model, {"photo": photo}, workdir=None)(state, None) == expected


def test_a_loss_has_no_limit():
    model = ESPCN(scale=2)
    state = create_state(initialise(jax.random.key(0), model), optax.sgd(0.0), ema=False)
    photos = {"noise": np.uint8(255 * images(40, 40))}
    losses = {"validation_loss": lambda sr, hr: 1000 + 0 * sr}
    assert make_validation(model, photos, workdir=None, losses=losses)(state, None)["validation_loss"] == 1000


@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("loss", PIXEL_LOSSES)
def test_the_validation_loss_is_that_of_an_update_on_the_whole_photo(loss, gray):
    model = ESPCN(scale=2)
    optimizer = optax.sgd(0.0)
    # Values far outside [−1, 1] count in training, so they count here too.
    variables = jax.tree.map(lambda leaf: 2 * leaf, initialise(jax.random.key(0), model, initialisation="paper"))
    state = create_state(variables, optimizer, ema=False)
    photo = np.uint8(255 * images(48, 48))
    photo = photo[:, :, 0] if gray else photo
    validate = make_validation(model, {"photo": photo}, workdir=None, losses={"validation_loss": PIXEL_LOSSES[loss]})
    measured = validate(state, None)["validation_loss"]
    step = make_pixel_step(
        model, optimizer, seed=0, loss=loss, degrade=lambda _, crops: bicubic_pair(crops, scale=model.scale)
    )
    crops = np.stack([photo] * 3, axis=-1) if gray else photo
    _, metrics = step(state, crops[None])
    np.testing.assert_allclose(measured, metrics["loss"], rtol=1e-5)
