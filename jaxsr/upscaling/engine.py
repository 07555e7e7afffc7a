"""Applies networks and interpolations to images that arrive and leave in strips.

The way of an image through a network, from file to file:

  loading.py       makes an `Upscaler` of a name; its `strips` come from here
  upscaler.py      pictures of all kinds → rows; joins the strips of the result
  transparency.py  with opacity: multiplies the colours by it, and divides the result
  engine.py        rows → strips of the size that is wanted, the network's or resized
  cells.py         for a network that unshuffles its input: rows of pixels → rows of cells
  tiling.py        rows → tiles with halos → what is kept of their results → strips
  engine.py        a tile in one program, `upscale_tile`, with `refinement.py` around the network
  halves.py        or in two, features in the large tile and the enlargement in small pieces
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import psutil

from jaxsr.imaging.color import GRAY_WEIGHTS, as_rgb, signed_from_unit, uint8_from_unit, unit_from_signed, unit_of
from jaxsr.imaging.resize import Kernel, resize
from jaxsr.imaging.strips import Rows, resize_strips, sliding
from jaxsr.models.network import Network
from jaxsr.upscaling.cells import pixels, upscale_cell_strips
from jaxsr.upscaling.halves import in_halves
from jaxsr.upscaling.refinement import Refinement
from jaxsr.upscaling.tiling import Progress, Strips, check_tile, cropped

INTERPOLATIONS = ("nearest", "bilinear", "bicubic")
# Sides of tiles. With larger tiles the progress bar would move too rarely.
_TILES = (512, 384, 256, 192, 128)
_MOST_BYTES = 10**9


class Interpolation(Network):
    """An interpolation as a network without parameters, so that refinements can be applied to it.

    Attributes:
      kernel: the kernel of MATLAB's `imresize`.
      scale: output pixels per input pixel on both axes.
    """

    kernel: Kernel
    scale: int = 4

    @property
    def halo(self) -> int:
        """LR pixels on each side that an output pixel can depend on."""
        return 2

    def __call__(self, x: jax.Array) -> jax.Array:
        """LR [N, H, W, 3] in [0, 1] to SR [N, H·scale, W·scale, 3] in [−1, 1]."""
        return signed_from_unit(resize(x, self.scale, kernel=self.kernel))


def interpolation_strips(
    kernel: Kernel,
    rows: Rows,
    size: tuple[int, int],
    to: tuple[int, int],
    progress: Progress | None,
) -> Iterator[np.ndarray]:
    """`Upscaler.strips` for MATLAB's `imresize` with this kernel."""
    for strip in resize_strips(rows, size, to, kernel=kernel):
        yield _clipped(strip)
    if progress is not None:
        progress(1, 1)


def make_network_strips(
    model: Network, variables: dict[str, Any], refinement: Refinement, *, tile: int | None
) -> tuple[Strips, int]:
    """`Upscaler.strips` for a network, refined within each tile, and the side of its tiles in LR pixels.

    Without a given side it is that of `fitting_tile`.

    Raises:
      InputError: the tile is too small for the network.
    """
    halo, cell = model.halo + refinement.reach, model.unshuffle
    if tile is None:
        cells = fitting_tile(working_bytes(model, refinement), halo=-(-halo // cell), free=free_memory())
        tile = cells * cell
    check_tile(tile, halo=halo)
    if _has_halves(model, refinement):
        apply = _in_halves(model, variables)
    else:
        program = jax.jit(partial(upscale_tile, model, refinement))
        apply = cropped(partial(program, variables), scale=model.scale * cell)

    def strips(rows, size, to, progress):
        options = {"scale": model.scale, "halo": halo, "tile": tile, "cell": cell, "progress": progress}
        upscaled = upscale_cell_strips(apply, rows, size=size, **options)
        natural = (size[0] * model.scale, size[1] * model.scale)
        return upscaled if to == natural else map(_clipped, resize_strips(sliding(upscaled), natural, to))

    return strips, tile


def _has_halves(model, refinement):
    return model.upsampling_halo is not None and refinement == Refinement()


def _in_halves(model, variables):
    extract = jax.jit(partial(extract_features, model))
    upsample = jax.jit(partial(_upsample_features, model), static_argnames=("size", "gray", "dtype"))
    cell = model.unshuffle

    def features_of(image):
        gray = image.ndim == (2 if cell == 1 else 4)
        features, kind = extract(variables, image), {"gray": gray, "dtype": image.dtype}
        return lambda top, left, size: upsample(variables, features, top, left, size=size, **kind)

    halos = {"halo": -(-model.halo // cell), "upsampling_halo": model.upsampling_halo}
    scale = model.scale * cell
    # A piece of ×8 takes no more memory than one of ×4.
    return in_halves(features_of, scale=scale, piece=min(128, 512 // scale), **halos)


def working_bytes(model: Network, refinement: Refinement) -> int:
    """Bytes that XLA needs per LR pixel of a tile, or per cell for a network that unshuffles its input.

    A network that runs in halves holds four of its LR layers, or `layers_held` if it says so. A network with
    `layers_held` that enlarges last holds these. Any other network holds two of its widest layer, which is an HR one. A
    self-ensemble, whose runs overlap, needs five times as much.
    """
    layer = 4 * model.features
    if _has_halves(model, refinement):
        return (model.layers_held or 4) * layer
    if model.layers_held is not None and model.upsampling_halo is None:
        return model.layers_held * layer * (5 if refinement.self_ensemble else 1)
    enlargement = (model.scale * model.unshuffle) ** 2
    return 2 * layer * enlargement * (5 if refinement.self_ensemble else 1)


def fitting_tile(bytes_per_pixel: int, *, halo: int, free: int) -> int:
    """Side of the largest tile that takes at most a gigabyte and at most half of the free memory.

    If none is small enough, it is the smallest tile that is worth its halo. `bytes_per_pixel` are `working_bytes`, the
    halo is in LR pixels, and the free memory in bytes.
    """
    # If halos took half of a tile's side, three quarters of the work would be lost.
    sides = [side for side in _TILES if side > 3 * halo] or [4 * halo]
    return next((side for side in sides if bytes_per_pixel * side**2 <= min(_MOST_BYTES, free / 2)), sides[-1])


def free_memory() -> int:
    """Free memory of JAX's first device, in bytes."""
    device = jax.devices()[0]
    stats = device.memory_stats() if device.platform != "cpu" else None
    if stats and "bytes_limit" in stats:
        return stats["bytes_limit"] - stats["bytes_in_use"]
    return psutil.virtual_memory().available


def _clipped(strip):
    return strip if strip.dtype == np.uint8 else np.clip(strip, 0.0, 1.0)


def upscale_tile(model: Network, refinement: Refinement, variables: dict[str, Any], image: jax.Array) -> jax.Array:
    """Upscale one tile; compiled as one program.

    The tile is [h, w] or [h, w, 3], uint8 or float32 in [0, 1]; for a network that unshuffles its input, cells of these
    (`jaxsr.upscaling.cells`). The result has the same form and dtype, and `scale` times as many pixels on each axis.
    """
    image = pixels(image, cell=model.unshuffle)
    upscaled = refinement.apply(
        lambda lr: unit_from_signed(model.apply(variables, lr[None])[0]), as_rgb(unit_of(image)), scale=model.scale
    )
    return _as_given(upscaled, gray=image.ndim == 2, dtype=image.dtype)


def extract_features(model: Network, variables: dict[str, Any], image: jax.Array) -> jax.Array:
    """The first half of `upscale_tile`: features [h, w, C]."""
    image = pixels(image, cell=model.unshuffle)
    return model.apply(variables, as_rgb(unit_of(image))[None], half="features")[0]


def _upsample_features(model, variables, features, top, left, *, size, gray, dtype):
    """The second half of `upscale_tile`, on a window of `size` of the features."""
    piece = jax.lax.dynamic_slice(features, (top, left, 0), (*size, features.shape[-1]))
    signed = model.apply(variables, piece[None], half="upsampling")[0]
    return _as_given(unit_from_signed(signed), gray=gray, dtype=dtype)


def _as_given(upscaled, *, gray, dtype):
    upscaled = jnp.clip(upscaled, 0.0, 1.0)
    if gray:
        upscaled = sum(weight * upscaled[..., channel] for channel, weight in enumerate(GRAY_WEIGHTS))
    return uint8_from_unit(upscaled) if dtype == jnp.uint8 else upscaled
