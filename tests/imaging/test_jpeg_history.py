"""The estimated quality against JPEGs that Pillow made, and against pictures that never were one."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxsr.evaluation.photos import find_set, read_set
from jaxsr.evaluation.protocol import hr_and_lr
from jaxsr.imaging.jpeg_history import former_quality, step_table

DATA = Path(__file__).parents[1] / "data"
# "woman" of Set5 was a JPEG, as the last test says.
PHOTOS = {name: photo for name, photo in read_set(find_set(DATA / "Set5")[1]) if name != "woman"}
NOISE = np.random.default_rng(0).normal(0, 1, (256, 256))
AXIS = np.arange(256.0)


def jpeg(picture, quality, **options):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality, **options)
    return Image.open(file)


def estimate(picture):
    return former_quality(np.asarray(picture, np.float32))


@pytest.mark.parametrize("quality", [1, 10, 49, 50, 75, 94, 100])
def test_the_tables_are_libjpegs(quality):
    stored = np.reshape(jpeg(PHOTOS["head"], quality).quantization[0], (8, 8))
    np.testing.assert_array_equal(step_table(quality), stored)


@pytest.mark.parametrize("quality", [20, 40, 55, 70, 80, 90, 94, 95, 97])
def test_the_quality_is_found_in_the_pixels(quality):
    for name in ("butterfly", "head"):
        assert estimate(jpeg(PHOTOS[name], quality)) == pytest.approx(quality, abs=1)


@pytest.mark.parametrize("quality", [40, 75, 90])
def test_the_quality_is_found_after_other_changes_without_loss(quality):
    photo, small = PHOTOS["butterfly"], hr_and_lr(PHOTOS["baby"], scale=4)[1]
    coded = jpeg(photo, quality)
    gray = jpeg(np.asarray(Image.fromarray(photo).convert("L")), quality)
    written_on = np.asarray(coded).copy()
    written_on[100:140, 20:200] = 30
    changed = [
        jpeg(photo, quality, subsampling="4:4:4"),
        gray,
        jpeg(small, quality),
        coded.crop((5, 3, 250, 240)),
        coded.transpose(Image.Transpose.ROTATE_90),
        coded.transpose(Image.Transpose.FLIP_LEFT_RIGHT).crop((1, 0, 256, 256)),
        written_on,
    ]
    assert [estimate(picture) for picture in changed] == [pytest.approx(quality, abs=1)] * len(changed)


def test_photos_that_never_were_a_jpeg_have_none():
    for photo in PHOTOS.values():
        assert estimate(photo) is None
        assert estimate(hr_and_lr(photo, scale=4)[1]) is None


def test_photos_that_were_reduced_or_enlarged_after_the_jpeg_have_none():
    coded = jpeg(PHOTOS["baby"], 60)
    for scale, method in ((0.5, "BICUBIC"), (0.9, "BICUBIC"), (2, "NEAREST"), (3, "NEAREST"), (2, "BILINEAR")):
        size = [round(side * scale) for side in coded.size]
        assert estimate(coded.resize(size, Image.Resampling[method])) is None


def chess(side, low, high):
    board = np.indices((256 // side, 256 // side)).sum(axis=0) % 2
    return low + (high - low) * np.kron(board, np.ones((side, side)))


@pytest.mark.parametrize(
    "drawn",
    [
        np.full((256, 256), 80.0),
        np.tile(np.round(AXIS * 0.9) + 10, (256, 1)),
        np.round(AXIS * 0.45 + AXIS[:, None] * 0.2 + 30 + NOISE / 2),
        np.tile(np.repeat(np.arange(20, 148), 8)[:256], (256, 1)),
        chess(8, 50, 150),
        chess(4, 140, 164),
        np.kron(np.round(128 + 40 * NOISE[:32, :32]), np.ones((8, 8))).clip(1, 254),
        np.round(128 + 20 * NOISE),
        np.round(128 + 2 * NOISE),
        np.asarray(Image.fromarray(PHOTOS["butterfly"]).quantize(16).convert("RGB")),
        np.asarray(Image.fromarray(PHOTOS["butterfly"]).resize((32, 32)).resize((256, 256), Image.Resampling.NEAREST)),
    ],
    ids=[
        "flat",
        "gradient",
        "noisy-gradient",
        "steps",
        "chess-8",
        "chess-4",
        "enlarged",
        "noise",
        "faint",
        "gif",
        "icon",
    ],
)
def test_drawings_and_noise_have_none(drawn):
    assert estimate(drawn) is None


@pytest.mark.parametrize("size", [(1, 1), (15, 200), (16, 16), (40, 36)])
def test_small_pictures_have_none(size):
    assert estimate(PHOTOS["baby"][: size[0], : size[1]]) is None


def test_a_photo_of_a_test_set_was_a_jpeg():
    assert estimate(dict(read_set(find_set(DATA / "Set5")[1]))["woman"]) == 75
