import itertools
import tracemalloc

import numpy as np
import pytest

from jaxsr.imaging import strips as strips_module
from jaxsr.imaging.resize import resize, resize_matrix, resize_uint8, to_uint8
from jaxsr.imaging.strips import resize_strips, sliding

IMAGE = np.random.default_rng(0).integers(0, 256, (240, 96, 3), np.uint8)


def watched(image):
    """Rows of an image, and the requests for them, which may never go back."""
    asked = []

    def rows(top, bottom):
        asked.append((top, bottom))
        return image[top:bottom]

    return rows, asked


@pytest.mark.parametrize("kernel", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("scale", [4, 1.5, 1, 0.75, 0.5, 0.125])
def test_strips_are_bit_for_bit_the_whole(scale, kernel):
    whole = resize_uint8(IMAGE, scale, kernel=kernel)
    rows, asked = watched(IMAGE)
    strips = list(resize_strips(rows, IMAGE.shape[:2], whole.shape[:2], kernel=kernel))
    assert all(strip.dtype == np.uint8 for strip in strips)
    np.testing.assert_array_equal(np.concatenate(strips), whole)
    for (top, bottom), (later, end) in itertools.pairwise(asked):
        assert later >= top
        assert end >= bottom


def test_floats_are_neither_rounded_nor_clipped_and_gray_has_no_channels():
    unit = IMAGE.astype(np.float32) / 255
    strips = list(resize_strips(watched(unit)[0], (240, 96), (480, 192)))
    joined = np.concatenate(strips)
    assert joined.dtype == np.float32
    np.testing.assert_allclose(joined, resize(unit, 2), atol=1e-5)
    assert joined.max() > 1
    gray = np.concatenate(list(resize_strips(watched(unit[..., 0])[0], (240, 96), (480, 192))))
    np.testing.assert_allclose(gray, joined[..., 0], atol=1e-6)


def test_axes_may_have_scales_of_their_own():
    strips = list(resize_strips(watched(IMAGE)[0], (240, 96), (480, 96)))
    tall = np.concatenate(strips)
    assert tall.shape == (480, 96, 3)
    exact = np.einsum("ih,hwc->iwc", resize_matrix(240, 2), IMAGE.astype(float))
    assert np.abs(tall - np.clip(exact, 0, 255)).max() < 0.51


def test_sliding_gives_rows_of_strips_of_any_height_and_forgets():
    heights = [1, 70, 3, 90, 76]
    ends = np.cumsum(heights)
    strips = (IMAGE[end - height : end] for end, height in zip(ends, heights, strict=True))
    rows = sliding(strips)
    for top, bottom in [(0, 2), (0, 5), (40, 80), (71, 75), (160, 240), (239, 240)]:
        np.testing.assert_array_equal(rows(top, bottom), IMAGE[top:bottom])


def test_a_large_image_is_never_held():
    """From 40,000 rows that are made as they are asked for; all of them would be 480 megabytes."""
    made = []

    def rows(top, bottom):
        made.append(bottom - top)
        return np.broadcast_to(np.arange(top, bottom, dtype=np.float32)[:, None] / 40_000, (bottom - top, 3_000))

    sums = [strip.mean() for strip in resize_strips(rows, (40_000, 3_000), (2_000, 150))]
    assert max(made) < 64 * 20 + 100
    assert np.all(np.diff(sums) > 0)


@pytest.mark.parametrize(("width", "height"), [(100_000, 1), (1, 100_000)])
def test_a_long_narrow_image_takes_little_more_memory_than_its_pixels(width, height):
    image = np.random.default_rng(1).integers(0, 256, (height, width), np.uint8)
    rows, asked = watched(image)
    list(resize_strips(watched(IMAGE)[0], (240, 96), (480, 192)))  # SciPy is imported on first use
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        result = np.concatenate(list(resize_strips(rows, (height, width), (4 * height, 4 * width))))
        taken = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    # The result twice, and some megabytes for what is computed at once. All taps at once would take more than 120.
    assert taken < 2 * result.nbytes + 24e6
    assert len(asked) < 100
    # A part's result is that of the whole, except within two pixels of its ends.
    line, long = image.ravel(), result if width > height else result.T
    for start in (0, 49_000, 99_000):
        part = resize_uint8(line[None, start : start + 1_000], 4)
        np.testing.assert_array_equal(long[:, 4 * start + 8 : 4 * start + 3_992], part[:, 8:-8])


def test_in_many_parts_it_is_still_the_whole(monkeypatch):
    monkeypatch.setattr(strips_module, "_TAPS", 100)
    monkeypatch.setattr(strips_module, "_WIDE_SAMPLES", 5_000)
    for scale in (4, 1.5, 0.125):
        whole = resize_uint8(IMAGE, scale)
        strips = list(resize_strips(watched(IMAGE)[0], IMAGE.shape[:2], whole.shape[:2]))
        assert len(strips) > 1
        np.testing.assert_array_equal(np.concatenate(strips), whole)


@pytest.mark.parametrize("kernel", ["nearest", "bilinear", "bicubic"])
def test_requests_never_go_back_whatever_the_sizes(monkeypatch, kernel):
    """Scales close to 1 and images smaller than the kernel, whose mirrored taps jump to and fro."""
    monkeypatch.setattr(strips_module, "_WIDE_SAMPLES", 1)
    for height, to in itertools.product((1, 2, 7, 50), (1, 3, 7, 49, 50, 51)):
        image = IMAGE[:height, :1]
        rows, asked = watched(image)
        strips = np.concatenate(list(resize_strips(rows, (height, 1), (to, 1), kernel=kernel)))
        assert len(asked) == to
        assert all(later >= top and end >= bottom for (top, bottom), (later, end) in itertools.pairwise(asked))
        assert all(0 <= top < bottom <= height for top, bottom in asked)
        exact = np.einsum("ih,hwc->iwc", resize_matrix(height, to / height, kernel=kernel), image.astype(float))
        np.testing.assert_allclose(strips, to_uint8(exact))
