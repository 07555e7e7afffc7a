import jax.numpy as jnp
import numpy as np
import pytest

from jaxsr.imaging import color

ALL_UINT8 = np.arange(256, dtype=np.uint8).reshape(16, 16)


@pytest.mark.parametrize(
    ("rgb", "y"),
    # Y of MATLAB's rgb2ycbcr, BT.601 studio range: black 16, white 235, primaries 16 + 219 × (.299, .587, .114).
    [((0, 0, 0), 16.0), ((1, 1, 1), 235.0), ((1, 0, 0), 81.481), ((0, 1, 0), 144.553), ((0, 0, 1), 40.966)],
)
def test_luma_of_the_primaries(rgb, y):
    assert color.luma(np.array(rgb, float)) * 255 == pytest.approx(y, abs=1e-9)


def test_luma_equals_skimage():
    skimage = pytest.importorskip("skimage.color", reason="scikit-image is not installed")
    rgb = np.random.default_rng(0).uniform(size=(7, 5, 3))
    np.testing.assert_allclose(color.luma(rgb) * 255, skimage.rgb2ycbcr(rgb)[..., 0], atol=1e-9)


@pytest.mark.parametrize("xp", [np, jnp], ids=["numpy", "jax"])
def test_uint8_comes_back_through_every_converter(xp):
    unit = color.unit_from_uint8(xp.asarray(ALL_UINT8))
    assert unit.dtype == np.float32
    assert float(unit.min()) == 0.0
    assert float(unit.max()) == 1.0
    back = color.uint8_from_unit(color.unit_from_signed(color.signed_from_unit(unit)))
    assert back.dtype == np.uint8
    assert isinstance(back, xp.ndarray)
    np.testing.assert_array_equal(back, ALL_UINT8)


def test_signed_range():
    np.testing.assert_array_equal(color.signed_from_unit(np.array([0.0, 0.5, 1.0])), [-1.0, 0.0, 1.0])
    np.testing.assert_array_equal(color.unit_from_signed(np.array([-1.0, 0.0, 1.0, 1.5])), [0.0, 0.5, 1.0, 1.25])


@pytest.mark.parametrize("xp", [np, jnp], ids=["numpy", "jax"])
def test_values_outside_are_clipped_and_the_rest_rounded(xp):
    unit = xp.asarray(np.array([-3.0, -0.001, 0.4 / 255, 0.6 / 255, 254.6 / 255, 1.001, 7.0], np.float32))
    np.testing.assert_array_equal(color.uint8_from_unit(unit), [0, 0, 0, 1, 255, 255, 255])
