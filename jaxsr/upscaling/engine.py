"""Networks and interpolations on images that come and go in strips."""

from collections.abc import Callable, Iterator
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import psutil

from jaxsr.imaging.color import uint8_from_unit, unit_from_signed, unit_from_uint8
from jaxsr.imaging.strips import Rows, resize_strips, sliding
from jaxsr.upscaling.refinement import Refinement
from jaxsr.upscaling.tiling import check_tile, upscale_strips

INTERPOLATIONS = ("nearest", "bilinear", "bicubic")
# Luma of full-range RGB (ITU-R BT.601-7, section 2.5.1), which is what Pillow's mode L holds.
_GRAY_WEIGHTS = (0.299, 0.587, 0.114)
_TILES = (256, 192, 128)

Strips = Callable[..., Iterator[np.ndarray]]


def interpolation_strips(kernel, rows, size, to, progress) -> Iterator[np.ndarray]:
    """`Upscaler.strips` of MATLAB's `imresize` with this kernel."""
    for strip in resize_strips(rows, size, to, kernel=kernel):
        yield _clipped(strip)
    if progress is not None:
        progress(1, 1)


def make_network_strips(
    model: nn.Module, variables: dict, refinement: Refinement, *, tile: int | None
) -> tuple[Strips, int]:
    """`Upscaler.strips` of a network, and the side of its tiles.

    Args:
      model: the network.
      variables: of it.
      refinement: what is done around it, within each tile.
      tile: side of the tiles in LR pixels; None for the largest that the free memory holds twice over.

    Raises:
      InputError: the tile is too small for the network.
    """
    halo = model.halo + refinement.reach
    if tile is None:
        tile = fitting_tile(working_bytes(model, refinement), halo=halo, free=free_memory())
    check_tile(tile, halo=halo)
    apply = jax.jit(partial(_apply, model, refinement))
    return partial(_network_strips, apply, variables, scale=model.scale, halo=halo, tile=tile), tile


def working_bytes(model: nn.Module, refinement: Refinement) -> int:
    """Bytes that XLA needs for each LR pixel of a tile: two of the network's widest layer, which is an HR one.

    For a self-ensemble, whose runs overlap, five times as many.
    """
    return 2 * 4 * getattr(model, "features", 64) * model.scale**2 * (5 if refinement.self_ensemble else 1)


def fitting_tile(bytes_per_pixel: int, *, halo: int, free: int) -> int:
    """The largest tile that takes at most half of the free memory, or else the smallest worth its halo.

    Args:
      bytes_per_pixel: see `working_bytes`.
      halo: LR pixels at each side that are not kept.
      free: bytes.
    """
    # Half of a tile's side in halos would mean three quarters of the work for nothing.
    sides = [side for side in _TILES if side > 3 * halo] or [4 * halo]
    return next((side for side in sides if 2 * bytes_per_pixel * side**2 <= free), sides[-1])


def free_memory() -> int:
    """Bytes that JAX's first device can still give."""
    device = jax.devices()[0]
    stats = device.memory_stats() if device.platform != "cpu" else None
    if stats and "bytes_limit" in stats:
        return stats["bytes_limit"] - stats["bytes_in_use"]
    return psutil.virtual_memory().available


def _network_strips(apply, variables, rows: Rows, size, to, progress, *, scale, halo, tile):
    strips = upscale_strips(
        partial(apply, variables), rows, size=size, scale=scale, halo=halo, tile=tile, progress=progress
    )
    natural = (size[0] * scale, size[1] * scale)
    return strips if to == natural else map(_clipped, resize_strips(sliding(strips), natural, to))


def _clipped(strip):
    return strip if strip.dtype == np.uint8 else np.clip(strip, 0.0, 1.0)


def _apply(model, refinement, variables, image):
    """[h, w] or [h, w, 3], uint8 or float32 in [0, 1], to the same `scale` times as large; compiled as one program."""
    unit = unit_from_uint8(image) if image.dtype == jnp.uint8 else image
    rgb = unit if unit.ndim == 3 else jnp.stack([unit] * 3, axis=-1)
    upscaled = refinement.apply(
        lambda lr: unit_from_signed(model.apply(variables, lr[None])[0]), rgb, scale=model.scale
    )
    upscaled = jnp.clip(upscaled, 0.0, 1.0)
    if unit.ndim == 2:
        upscaled = sum(weight * upscaled[..., channel] for channel, weight in enumerate(_GRAY_WEIGHTS))
    return uint8_from_unit(upscaled) if image.dtype == jnp.uint8 else upscaled
