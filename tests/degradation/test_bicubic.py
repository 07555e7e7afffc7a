import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsr.data.degradation.bicubic import bicubic_pair
from jaxsr.data.sources import open_source
from jaxsr.errors import InputError
from jaxsr.imaging.resize import resize_uint8


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_reduced_crops_are_those_of_matlab(scale):
    hr = np.stack([photo[100:196, 200:296] for photo in open_source(["samples"])])
    lr, target = jax.jit(bicubic_pair, static_argnames="scale")(hr, scale=scale)
    levels = np.asarray(lr, np.float64) * 255
    assert np.abs(levels - np.round(levels)).max() < 1e-4
    difference = np.abs(np.round(levels) - np.stack([resize_uint8(photo, 1 / scale) for photo in hr]))
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3
    assert np.allclose(target, hr / 127.5 - 1, atol=1e-6)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_levels_are_clipped_and_rounded_where_bicubic_overshoots(scale):
    # Black and white noise overshoots everywhere, and its sums meet exact halves more often than photos do.
    hr = np.random.default_rng(0).choice(np.array([0, 255], np.uint8), (4, 96, 96, 3))
    lr, _ = bicubic_pair(jnp.asarray(hr), scale=scale)
    difference = np.abs(np.asarray(lr) * 255 - np.stack([resize_uint8(photo, 1 / scale) for photo in hr]))
    assert difference.max() < 1.001
    assert (difference > 0.5).mean() < 1e-3


def test_a_crop_that_the_scale_does_not_divide_is_refused():
    with pytest.raises(InputError, match=r"97 pixels .* multiple of the scale, 4"):
        bicubic_pair(jnp.zeros((1, 97, 97, 3), jnp.uint8), scale=4)
