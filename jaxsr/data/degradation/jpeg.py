"""JPEG's losses as array arithmetic (ITU-T T.81), with the choices that libjpeg makes."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxsr.data.degradation.products import exact_matmul
from jaxsr.imaging.jpeg_tables import CHROMA_TABLE, COSINES, LUMA_TABLE
from jaxsr.imaging.resize import doubled

_TABLES = np.stack([LUMA_TABLE, CHROMA_TABLE]).astype(np.float32)
# From R, G and B to Y, Cb and Cr in full range (JFIF, section 7).
_TO_YCBCR = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)
_MIDDLE = np.array([0, 128, 128], np.float32)


def compressed(images: jax.Array, quality: jax.Array, subsampled: jax.Array) -> jax.Array:
    """Compress each image as a JPEG file and decode it (ITU-T T.81, sequential DCT); blocks begin at the first pixel.

    Args:
      images: [B, H, W, 3] in [0, 1], H and W multiples of 16.
      quality: [B] libjpeg's quality, from 1 to 100.
      subsampled: [B] bool, 4:2:0 (chroma of half the width and height) instead of 4:4:4.

    Returns:
      The same shape, whole multiples of 1/255.
    """
    levels = jnp.round(255 * jnp.clip(images, 0, 1))
    ycbcr = jnp.round(exact_matmul(levels, _TO_YCBCR.T)) + _MIDDLE
    tables = quantisation_tables(quality)
    luma = _coded(ycbcr[..., 0], tables[:, 0])
    # Both chroma planes of an image are coded in the same way: [B, 2, H, W] as [2B, H, W].
    chroma = ycbcr[..., 1:].transpose(0, 3, 1, 2)
    planes, chroma_tables = chroma.reshape(-1, *chroma.shape[2:]), jnp.repeat(tables[:, 1], 2, axis=0)
    small = doubled(_coded(jnp.round(_halved(planes)), chroma_tables))
    halved = jnp.repeat(subsampled, 2)[:, None, None]
    planes = jnp.where(halved, small, _coded(planes, chroma_tables))
    chroma = planes.reshape(chroma.shape).transpose(0, 2, 3, 1)
    decoded = jnp.concatenate([luma[..., None], chroma], -1) - _MIDDLE
    return jnp.clip(jnp.round(exact_matmul(decoded, np.linalg.inv(_TO_YCBCR).T)), 0, 255) / 255


def quantisation_tables(quality: jax.Array) -> jax.Array:
    """Tables of luma and chroma for qualities [B], as [B, 2, 8, 8]: those of T.81, annex K, scaled as in libjpeg."""
    percent = jnp.where(quality < 50, jnp.floor(5000 / quality), 200 - 2 * quality)[:, None, None, None]
    return jnp.clip(jnp.floor((_TABLES * percent + 50) / 100), 1, 255)


def _coded(planes, tables):
    """Quantise levels [N, H, W] with tables [N, 8, 8] and decode them."""
    # One product per axis for all blocks at once is faster than one per block of eight.
    down, across = (_block_cosines(side) for side in planes.shape[1:])
    coefficients = exact_matmul(exact_matmul(down, planes - 128), across.T)
    table = jnp.tile(tables, (1, planes.shape[1] // 8, planes.shape[2] // 8))
    coefficients = table * jnp.round(coefficients / table)
    return jnp.clip(jnp.round(exact_matmul(exact_matmul(down.T, coefficients), across) + 128), 0, 255)


def _block_cosines(side):
    """[side, side]: the cosine transform of eight samples, repeated for each block."""
    return np.kron(np.eye(side // 8), COSINES).astype(np.float32)


def _halved(planes):
    n, height, width = planes.shape
    return planes.reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4))
