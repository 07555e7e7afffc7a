"""What a run opens before its first update, and what its card says of it."""

import numpy as np
import pytest
from PIL import Image

from jaxsr.config import TrainConfig
from jaxsr.data.sources import SAMPLES, open_source
from jaxsr.errors import InputError
from jaxsr.evaluation.sets import open_sets
from jaxsr.imaging.resize import resize_uint8
from jaxsr.runs.card import training_card
from jaxsr.training.start import _validation_pixels, start


@pytest.mark.parametrize(
    ("values", "words"), [({}, "--data is missing"), ({"data": ("samples",)}, "--workdir is missing")]
)
def test_a_run_without_photos_or_without_a_folder_is_refused(values, words):
    with pytest.raises(InputError, match=words):
        start(TrainConfig(**values))


def test_validation_records_are_degraded_as_the_run_degrades(tmp_path):
    for name in ("city", "waves"):
        Image.open(SAMPLES / f"{name}.jpg").crop((0, 0, 98, 64)).save(tmp_path / f"{name}.png")
    # A TFDS set is a source as well.
    source = open_source([tmp_path])
    config = TrainConfig(degradation="real")
    photos, low = _validation_pixels(config, [source], {})
    assert photos.keys() == low.keys() == set(source.names)
    for name, photo in photos.items():
        assert photo.shape == (64, 98, 3)
        clean = resize_uint8(photo[:, :96], 0.25)
        assert low[name].shape == clean.shape
        difference = np.abs(low[name].astype(int) - clean).mean()
        assert 0.2 < difference < 20
    # The validation itself reduces them bicubically.
    assert _validation_pixels(TrainConfig(), [source], {})[1] == {}


def test_the_card_of_a_run_on_pairs_names_their_folders_and_no_degradation():
    config = TrainConfig(data=("photos/hr",), lr=("photos/small",))
    recipe = training_card(config, photos={}, started_from=None, used={})["recipe"]
    assert (recipe["lr"], recipe["degradation"]) == (["small"], None)


@pytest.mark.parametrize("degradation", ["bicubic", "real"])
@pytest.mark.parametrize("low", [(), ("tests/data/Set5/LR_bicubic_X4",)])
def test_the_card_says_the_protocol_of_the_evaluation_that_validates(degradation, low):
    card = training_card(TrainConfig(degradation=degradation, validation_lr=low), photos={}, started_from=None, used={})
    (evaluated,) = open_sets(["tests/data/Set5"], low=low, degradation=None if low else degradation).values()
    assert card["protocol"] == evaluated.protocol
