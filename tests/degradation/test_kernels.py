"""Blur kernels against their formulas, SciPy's Bessel function and SciPy's convolution."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage, special

from jaxsr.data.degradation.kernels import SIDE, filtered, gaussian_family, identity, sharpening, sinc

MIDDLE = SIDE // 2
OFFSETS = np.arange(SIDE) - MIDDLE


def one(sigma, angle=0.0, *, power=1.0, plateau=False, side=SIDE):
    kernels = gaussian_family(
        jnp.array([sigma], jnp.float32),
        jnp.array([angle], jnp.float32),
        jnp.array([power], jnp.float32),
        jnp.array([plateau]),
        jnp.array([side]),
    )
    return np.asarray(kernels[0], np.float64)


def test_an_isotropic_gaussian_is_the_product_of_two():
    line = np.exp(-((OFFSETS / 1.7) ** 2) / 2)
    expected = np.outer(line, line)
    np.testing.assert_allclose(one((1.7, 1.7)), expected / expected.sum(), atol=1e-7)


def test_the_first_sigma_is_along_the_angle():
    wide = one((3.0, 0.8))
    variances = [(wide.sum(axis=axis) * OFFSETS**2).sum() for axis in (0, 1)]
    np.testing.assert_allclose(variances, [9.0, 0.64], rtol=0.02)
    np.testing.assert_allclose(one((3.0, 0.8), np.pi / 2), wide.T, atol=1e-6)
    slanted = one((3.0, 0.8), np.pi / 4)
    assert (slanted * np.outer(OFFSETS, OFFSETS)).sum() > 2


@pytest.mark.parametrize(
    ("plateau", "formula"),
    [(False, lambda q, p: np.exp(-(q**p) / 2)), (True, lambda q, p: 1 / (1 + q**p))],
)
def test_powers_give_the_published_shapes(plateau, formula):
    kernel = one((2.0, 2.0), power=1.5, plateau=plateau)
    q = (OFFSETS[:, None] ** 2 + OFFSETS[None, :] ** 2) / 4
    expected = formula(q, 1.5)
    np.testing.assert_allclose(kernel, expected / expected.sum(), atol=1e-6)


def test_smaller_kernels_have_zeros_around():
    kernel = one((3.0, 3.0), side=7)
    assert np.count_nonzero(kernel) == 49
    assert kernel[MIDDLE - 3 : MIDDLE + 4, MIDDLE - 3 : MIDDLE + 4].sum() == pytest.approx(1)


def test_sinc_is_the_circular_low_pass():
    cutoff = 1.1
    kernel = np.asarray(sinc(jnp.array([cutoff]), jnp.array([SIDE]))[0])
    radius = np.hypot(OFFSETS[:, None], OFFSETS[None, :])
    with np.errstate(invalid="ignore"):
        expected = np.where(
            radius == 0, cutoff**2 / (4 * np.pi), cutoff * special.j1(cutoff * radius) / (2 * np.pi * radius)
        )
    np.testing.assert_allclose(kernel, expected / expected.sum(), atol=1e-6)


def test_sharpening_keeps_flat_pictures_and_adds_what_a_blur_takes():
    kernels = np.asarray(sharpening(jnp.array([0.0, 1.5]), jnp.array([1.0, 1.0])))
    np.testing.assert_allclose(kernels[0], identity(1)[0], atol=1e-6)
    expected = 2.5 * np.asarray(identity(1)[0]) - 1.5 * one((1.0, 1.0))
    np.testing.assert_allclose(kernels[1], expected, atol=1e-6)


@pytest.mark.parametrize("shape", [(48, 64), (64, 22)])
def test_filtering_is_scipys_convolution(shape):
    random = np.random.default_rng(0)
    images = random.random((2, *shape, 3)).astype(np.float32)
    kernels = random.random((2, SIDE, SIDE)).astype(np.float32) / SIDE**2
    ours = np.asarray(filtered(jnp.asarray(images), jnp.asarray(kernels)))
    for image, kernel, result in zip(images, kernels, ours, strict=True):
        expected = np.stack([ndimage.convolve(image[..., c], kernel, mode="wrap") for c in range(3)], axis=-1)
        np.testing.assert_allclose(result, expected, atol=2e-6)
