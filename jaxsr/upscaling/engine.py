"""Networks and interpolations on images that come and go in strips."""

from collections.abc import Callable, Iterator
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import psutil

from jaxsr.imaging.color import signed_from_unit, uint8_from_unit, unit_from_signed, unit_from_uint8
from jaxsr.imaging.resize import resize
from jaxsr.imaging.strips import Rows, resize_strips, sliding
from jaxsr.upscaling.cells import pixels, upscale_cell_strips
from jaxsr.upscaling.halves import in_halves
from jaxsr.upscaling.refinement import Refinement
from jaxsr.upscaling.tiling import check_tile, cropped

INTERPOLATIONS = ("nearest", "bilinear", "bicubic")
# Luma of full-range RGB (ITU-R BT.601-7, section 2.5.1), which is what Pillow's mode L holds.
_GRAY_WEIGHTS = (0.299, 0.587, 0.114)
# Sides of tiles. With larger ones a person would wait for the progress bar.
_TILES = (512, 384, 256, 192, 128)
_MOST_BYTES = 10**9

Strips = Callable[..., Iterator[np.ndarray]]


class Interpolation(nn.Module):
    """An interpolation as a network without parameters, for what is done around networks.

    Attributes:
      kernel: of MATLAB's `imresize`.
      scale: output pixels per input pixel.
    """

    kernel: str
    scale: int = 4

    @property
    def halo(self) -> int:
        """LR pixels on each side that an output pixel can depend on."""
        return 2

    def __call__(self, x: jax.Array) -> jax.Array:
        """LR [N, H, W, 3] in [0, 1] to SR [N, H·scale, W·scale, 3] in [−1, 1]."""
        return signed_from_unit(resize(x, self.scale, kernel=self.kernel))


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
      tile: side of the tiles in LR pixels; None for `fitting_tile`.

    Raises:
      InputError: the tile is too small for the network.
    """
    halo, cell = model.halo + refinement.reach, getattr(model, "unshuffle", 1)
    if tile is None:
        cells = fitting_tile(working_bytes(model, refinement), halo=-(-halo // cell), free=free_memory())
        tile = cells * cell
    check_tile(tile, halo=halo)
    apply = _in_halves(model, variables) if _has_halves(model, refinement) else _in_one(model, variables, refinement)
    return partial(_network_strips, apply, scale=model.scale, halo=halo, tile=tile, cell=cell), tile


def _has_halves(model, refinement):
    return hasattr(model, "upsampling_halo") and refinement == Refinement()


def _in_one(model, variables, refinement):
    scale = model.scale * getattr(model, "unshuffle", 1)
    return cropped(partial(jax.jit(partial(upscale_tile, model, refinement)), variables), scale=scale)


def _in_halves(model, variables):
    extract = jax.jit(partial(extract_features, model))
    upsample = jax.jit(partial(_upsample_features, model), static_argnames=("size", "gray", "dtype"))
    cell = getattr(model, "unshuffle", 1)

    def features_of(image):
        gray = image.ndim == (2 if cell == 1 else 4)
        features, kind = extract(variables, image), {"gray": gray, "dtype": image.dtype}
        return lambda top, left, size: upsample(variables, features, top, left, size=size, **kind)

    halos = {"halo": -(-model.halo // cell), "upsampling_halo": model.upsampling_halo}
    return in_halves(features_of, scale=model.scale * cell, **halos)


def working_bytes(model: nn.Module, refinement: Refinement) -> int:
    """Bytes that XLA needs for each LR pixel of a tile, or each cell of a network that unshuffles its input.

    Of a network in halves four of its LR layers, or as many as it says, and so of one that enlarges last; else two of
    its widest layer, which is an HR one; for a self-ensemble, whose runs overlap, five times as many.
    """
    layer = 4 * getattr(model, "features", 64)
    if _has_halves(model, refinement):
        return getattr(model, "layers_held", 4) * layer
    if hasattr(model, "layers_held") and not hasattr(model, "upsampling_halo"):
        return model.layers_held * layer * (5 if refinement.self_ensemble else 1)
    enlargement = (model.scale * getattr(model, "unshuffle", 1)) ** 2
    return 2 * layer * enlargement * (5 if refinement.self_ensemble else 1)


def fitting_tile(bytes_per_pixel: int, *, halo: int, free: int) -> int:
    """The largest tile that takes at most a gigabyte and half of the free memory, or the smallest worth its halo.

    Args:
      bytes_per_pixel: see `working_bytes`.
      halo: LR pixels at each side that are not kept.
      free: bytes.
    """
    # Half of a tile's side in halos would mean three quarters of the work for nothing.
    sides = [side for side in _TILES if side > 3 * halo] or [4 * halo]
    return next((side for side in sides if bytes_per_pixel * side**2 <= min(_MOST_BYTES, free / 2)), sides[-1])


def free_memory() -> int:
    """Bytes that JAX's first device can still give."""
    device = jax.devices()[0]
    stats = device.memory_stats() if device.platform != "cpu" else None
    if stats and "bytes_limit" in stats:
        return stats["bytes_limit"] - stats["bytes_in_use"]
    return psutil.virtual_memory().available


def _network_strips(apply, rows: Rows, size, to, progress, *, scale, **tiles):
    strips = upscale_cell_strips(apply, rows, size=size, scale=scale, progress=progress, **tiles)
    natural = (size[0] * scale, size[1] * scale)
    return strips if to == natural else map(_clipped, resize_strips(sliding(strips), natural, to))


def _clipped(strip):
    return strip if strip.dtype == np.uint8 else np.clip(strip, 0.0, 1.0)


def upscale_tile(model: nn.Module, refinement: Refinement, variables: dict, image: jax.Array) -> jax.Array:
    """[h, w] or [h, w, 3], uint8 or float32 in [0, 1], to the same `scale` times as large; compiled as one program.

    Of a network that unshuffles its input, cells of these, see `jaxsr.upscaling.cells`.
    """
    image = pixels(image, cell=getattr(model, "unshuffle", 1))
    upscaled = refinement.apply(
        lambda lr: unit_from_signed(model.apply(variables, lr[None])[0]), _unit_rgb(image), scale=model.scale
    )
    return _as_given(upscaled, gray=image.ndim == 2, dtype=image.dtype)


def extract_features(model: nn.Module, variables: dict, image: jax.Array) -> jax.Array:
    """`upscale_tile`'s first half: features [h, w, C]."""
    image = pixels(image, cell=getattr(model, "unshuffle", 1))
    return model.apply(variables, _unit_rgb(image)[None], half="features")[0]


def _upsample_features(model, variables, features, top, left, *, size, gray, dtype):
    """`upscale_tile`'s second half, from `size` of the features."""
    piece = jax.lax.dynamic_slice(features, (top, left, 0), (*size, features.shape[-1]))
    signed = model.apply(variables, piece[None], half="upsampling")[0]
    return _as_given(unit_from_signed(signed), gray=gray, dtype=dtype)


def _unit_rgb(image):
    unit = unit_from_uint8(image) if image.dtype == jnp.uint8 else image
    return unit if unit.ndim == 3 else jnp.stack([unit] * 3, axis=-1)


def _as_given(upscaled, *, gray, dtype):
    upscaled = jnp.clip(upscaled, 0.0, 1.0)
    if gray:
        upscaled = sum(weight * upscaled[..., channel] for channel, weight in enumerate(_GRAY_WEIGHTS))
    return uint8_from_unit(upscaled) if dtype == jnp.uint8 else upscaled
