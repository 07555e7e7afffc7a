import jax
import numpy as np
from PIL import Image

from jaxsr.data.degradation import make_degradation
from jaxsr.runs.examples import COLUMNS, ROWS, draw_degraded


def test_the_picture_shows_the_pairs_that_degrade_gives(tmp_path):
    crops = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8).repeat(4, 1).repeat(4, 2)
    degrade = make_degradation("bicubic", scale=4)
    draw_degraded(tmp_path / "degraded.png", degrade, crops, scale=4, recipe="bicubic")
    picture = np.asarray(Image.open(tmp_path / "degraded.png"))
    low, high = degrade(jax.random.key(0), np.take(crops, range(COLUMNS), axis=0, mode="wrap"))
    height, width = picture.shape[0] - 34, picture.shape[1] - 110
    assert (height // 36, width // 36) == (2 * ROWS, COLUMNS)
    shown = picture[34:66, 110:142], picture[70:102, 110:142]
    np.testing.assert_array_equal(shown[0], np.asarray(np.round(low[0] * 255)).repeat(4, 0).repeat(4, 1))
    np.testing.assert_allclose(shown[1] / 127.5 - 1, high[0], atol=1e-3)
