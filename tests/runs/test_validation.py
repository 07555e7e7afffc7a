"""Scores on whole photos."""

import jax
import numpy as np
from random_networks import images

from jaxsr.models import ESPCN
from jaxsr.models.initialisation import initialise
from jaxsr.runs.validation import make_validation
from jaxsr.training.state import TrainState


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
