import jax
import jax.numpy as jnp
import numpy as np

from jaxsr.data.augmentation import augment

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
