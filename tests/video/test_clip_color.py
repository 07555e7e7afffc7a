"""Luma and chroma to RGB and back, against closed forms, Pillow and each other."""

import numpy as np
import pytest
from PIL import Image

from jaxsr.video.color import Coding, planes_from_rgb, rgb_from_planes
from jaxsr.video.planes import PlaneLayout

PLAIN = PlaneLayout("yuv", 8, (False, False))


def flat(*levels, shape=(4, 4), dtype=np.uint8):
    return tuple(np.full(shape, level, dtype) for level in levels)


@pytest.mark.parametrize(("bits", "full"), [(8, False), (10, False), (8, True), (12, True)])
def test_black_and_white_are_exact(bits, full):
    scale = 2 ** (bits - 8)
    black, white = (0, 2**bits - 1) if full else (16 * scale, 235 * scale)
    layout, coding = PlaneLayout("yuv", bits, (False, False)), Coding(1, full, True)
    dtype = np.uint8 if bits == 8 else np.uint16
    for level, value in ((black, 0.0), (white, 1.0)):
        rgb = rgb_from_planes(flat(level, 128 * scale, 128 * scale, dtype=dtype), layout, coding)
        np.testing.assert_allclose(rgb, value, atol=1e-6)


def test_the_primaries_of_each_matrix():
    # 8-bit limited-range codes of full red, from the tables of BT.709, BT.601 and BT.2020.
    for matrix, codes in {1: (63, 102, 240), 6: (81, 90, 240), 9: (74, 97, 240)}.items():
        red = np.broadcast_to(np.float32([1, 0, 0]), (4, 4, 3))
        planes = planes_from_rgb(red, PLAIN, Coding(matrix, False, True))
        assert [int(plane[0, 0]) for plane in planes] == list(codes)


def test_full_range_bt601_is_pillows():
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    planes = planes_from_rgb(image.astype(np.float32) / 255, PLAIN, Coding(6, True, False))
    theirs = np.asarray(Image.fromarray(image).convert("YCbCr")).astype(int)
    assert np.abs(np.stack(planes, -1).astype(int) - theirs).max() <= 1


@pytest.mark.parametrize("kind", ["yuv", "rgb", "gray"])
@pytest.mark.parametrize("bits", [8, 10])
def test_there_and_back_changes_nothing(kind, bits):
    layout, coding = PlaneLayout(kind, bits, (False, False)), Coding(1, kind != "yuv", True)
    # Codes of colours that are within RGB.
    rgb = np.random.default_rng(0).uniform(0.1, 0.9, (16, 16, 3)).astype(np.float32)
    planes = planes_from_rgb(rgb, layout, coding)
    for ours, theirs in zip(
        planes_from_rgb(rgb_from_planes(planes, layout, coding), layout, coding), planes, strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("cosited", [True, False])
def test_a_ramp_of_chroma_stays_where_it_is(cosited):
    layout, coding = PlaneLayout("yuv", 8, (True, True)), Coding(1, False, cosited)
    column = np.arange(32, dtype=np.float32)
    difference = 0.2 + 0.01 * column
    rgb = np.stack([np.full(32, 0.5), 0.5 + 0 * column, difference], -1).astype(np.float32)
    rgb = np.broadcast_to(rgb, (16, 32, 3))
    back = np.asarray(rgb_from_planes(planes_from_rgb(rgb, layout, coding), layout, coding))
    # Where it is taken to lie half a pixel beside, this is 0.005 off; rounding to levels averages out.
    assert abs((back - rgb)[:, 6:-6, 2].mean()) < 0.0015


def test_odd_sides_keep_their_size():
    layout, coding = PlaneLayout("yuv", 8, (True, True)), Coding(1, False, True)
    planes = tuple(np.full(shape, 100, np.uint8) for shape in ((5, 7), (3, 4), (3, 4)))
    assert rgb_from_planes(planes, layout, coding).shape == (5, 7, 3)
