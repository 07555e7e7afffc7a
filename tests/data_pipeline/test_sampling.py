"""Crops at places with more detail."""

import itertools

import numpy as np
import pytest

from jaxsr.data.pipeline import crops
from jaxsr.data.sampling import detail
from jaxsr.data.sources import Photo, Source

SIDE, CROP, COUNT = 48, 8, 4000


def half_flat():
    """A photo that is gray on the left, and noise on the right."""
    photo = np.full((SIDE, SIDE, 3), 128, np.uint8)
    photo[:, SIDE // 2 :] = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE // 2, 3))
    return photo


def source_of(photo, low=None):
    low = low if low is None else Photo("low", lambda: None, low.shape[:2], low)
    return Source((Photo("photo", lambda: None, photo.shape[:2], photo, low),))


def take(count, **options):
    defaults = {"crop": CROP, "batch_size": 4, "seed": 2, "crops_per_photo": 2}
    source = options.pop("source", source_of(half_flat()))
    return list(itertools.islice(crops(source, **defaults | options), count))


@pytest.mark.parametrize(("sampling", "power"), [("uniform", 1), ("detail", 2)])
def test_a_flat_crop_is_kept_only_if_all_its_places_are_flat(sampling, power):
    batches = np.concatenate(take(COUNT // 4, sampling=sampling))
    flat = np.mean([np.ptp(crop) == 0 for crop in batches])
    share = ((SIDE // 2 - CROP + 1) / (SIDE - CROP + 1)) ** power
    # Five standard deviations of a share of this many crops.
    assert abs(flat - share) < 5 * np.sqrt(share * (1 - share) / COUNT)


def test_lr_is_cut_where_hr_is():
    low = half_flat()
    high = low.repeat(4, axis=0).repeat(4, axis=1)
    batches = take(50, sampling="detail", source=source_of(high, low), crop=4 * CROP, scale=4)
    assert all(np.array_equal(batch["hr"][:, ::4, ::4], batch["lr"]) for batch in batches)
    # The two halves of the places are equally likely to be flat, so a choice shows in LR as well.
    assert np.mean([np.ptp(crop) == 0 for batch in batches for crop in batch["lr"]]) < 0.3


def test_detail_of_a_checkerboard_is_the_square_of_its_step():
    rows, columns = np.mgrid[:6, :6]
    board = np.repeat((100 + 20 * ((rows + columns) % 2))[..., None], 3, axis=-1).astype(np.uint8)
    assert detail(board) == pytest.approx(2 * 20**2)
    assert detail(np.full_like(board, 100)) == 0
