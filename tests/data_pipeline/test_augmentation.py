import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsr.data.augmentation import augment, degrade
from jaxsr.data.sources import open_source
from jaxsr.errors import InputError
from jaxsr.imaging.resize import resize_uint8

BATCH = 8000


def test_the_eight_orientations_occur_equally_often():
    image = np.random.default_rng(0).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    turned = jax.jit(augment)(jax.random.key(0), jnp.broadcast_to(image, (BATCH, 4, 4, 3)))
    assert turned.dtype == np.uint8
    orientations = [np.rot90(flipped, turns) for flipped in (image, image[:, ::-1]) for turns in range(4)]
    counts = [int((np.asarray(turned) == o).all(axis=(1, 2, 3)).sum()) for o in orientations]
    assert sum(counts) == BATCH
    # Chi-square of 7 degrees of freedom: 29.9 is exceeded once in 10,000 times.
    assert sum((count - BATCH / 8) ** 2 / (BATCH / 8) for count in counts) < 29.9


def test_augmentation_follows_the_key_alone():
    crops = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 3), dtype=np.uint8)
    first, again, other = (np.asarray(augment(jax.random.key(k), crops)) for k in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_degraded_crops_are_those_of_matlab(scale):
    hr = np.stack([photo[100:196, 200:296] for photo in open_source(["samples"])])
    lr, target = jax.jit(degrade, static_argnames="scale")(hr, scale=scale)
    levels = np.asarray(lr, np.float64) * 255
    assert np.abs(levels - np.round(levels)).max() < 1e-4
    difference = np.abs(np.round(levels) - np.stack([resize_uint8(photo, 1 / scale) for photo in hr]))
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3
    assert np.allclose(target, hr / 127.5 - 1, atol=1e-6)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_degrade_clips_and_rounds_where_bicubic_overshoots(scale):
    # Black and white noise overshoots everywhere, and its sums meet exact halves more often than photos do.
    hr = np.random.default_rng(0).choice(np.array([0, 255], np.uint8), (4, 96, 96, 3))
    lr, _ = degrade(jnp.asarray(hr), scale=scale)
    difference = np.abs(np.asarray(lr) * 255 - np.stack([resize_uint8(photo, 1 / scale) for photo in hr]))
    assert difference.max() < 1.001
    assert (difference > 0.5).mean() < 1e-3


def test_a_crop_that_the_scale_does_not_divide_is_refused():
    with pytest.raises(InputError, match=r"97 pixels .* multiple of the scale, 4"):
        degrade(jnp.zeros((1, 97, 97, 3), jnp.uint8), scale=4)
