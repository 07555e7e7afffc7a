"""`load` and what it gives: a function from a picture to a larger picture."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from jaxsr.errors import InputError
from jaxsr.imaging.color import uint8_from_unit, unit_from_signed, unit_from_uint8
from jaxsr.imaging.resize import resize, resize_uint8
from jaxsr.upscaling.pictures import open_picture, upscale_picture
from jaxsr.upscaling.refinement import Refinement
from jaxsr.upscaling.tiling import check_tile, upscale_tiled
from jaxsr.weights import load_weights
from jaxsr.weights.lineage import find_base, interpolated

INTERPOLATIONS = ("nearest", "bilinear", "bicubic")
# Luma of full-range RGB (ITU-R BT.601-7, section 2.5.1), which is what Pillow's mode L holds.
_GRAY_WEIGHTS = (0.299, 0.587, 0.114)

Progress = Callable[[int, int], None]
Picture = TypeVar("Picture", np.ndarray, Image.Image)


@dataclass(frozen=True, eq=False, repr=False)
class Upscaler:
    """A picture in, the same kind of picture out, `scale` times as large: `upscaler(picture)`.

    Attributes:
      name: the name or file that it was loaded from.
      scale: output pixels per input pixel on both axes.
      card: what is known about the network; {} for an interpolation.
      description: the network or interpolation in words.
      upscale: (image, progress) to image, for one [H, W] or [H, W, 3] array of uint8, or of float32 in [0, 1].
    """

    name: str
    scale: int
    card: dict
    description: str
    upscale: Callable[[np.ndarray, Progress | None], np.ndarray]

    def __call__(self, image: Picture | str | os.PathLike, *, progress: Progress | None = None) -> Picture:
        """Upscale.

        Args:
          image: one of
            - an array [H, W, 3] RGB, [H, W] gray or [N, H, W, 3], uint8 or float in [0, 1];
            - a PIL image of 8 bits per channel, turned upright by its EXIF orientation first;
            - the path of a picture.
          progress: called after each tile with the number of tiles done and of all tiles (of each image of a batch).

        Returns:
          For an array a numpy array of the same axes, uint8 for uint8 and float32 in [0, 1] for floats; for a PIL image
          or a path a PIL image: L for gray, RGB for colour, LA or RGBA where there is transparency.

        Raises:
          InputError: the image is empty, unreadable, of an unknown kind, or has values outside the range.
        """
        upscale = partial(self._upscale_array, progress=progress)
        if isinstance(image, str | os.PathLike):
            picture = open_picture(image)
            try:
                return upscale_picture(upscale, picture, scale=self.scale)
            except InputError as error:
                raise InputError(f"{image}: {error}") from error
        if isinstance(image, Image.Image):
            return upscale_picture(upscale, image, scale=self.scale)
        return upscale(image)

    def _upscale_array(self, image, *, progress):
        image = _checked(image)
        if image.ndim == 4:
            return np.stack([self.upscale(one, progress) for one in image])
        return self.upscale(image, progress)

    def __repr__(self) -> str:
        return f"Upscaler({self.name!r}: ×{self.scale}, {self.description})"


def load(
    name_or_path: str | os.PathLike,
    *,
    dtype: Any = jnp.float32,
    tile: int = 256,
    scale: int | None = None,
    strength: float | None = None,
    base: str | os.PathLike | None = None,
    self_ensemble: bool = False,
    color_lock: bool = False,
    back_project: int = 0,
) -> Upscaler:
    """An upscaler.

    Args:
      name_or_path: a bundled network ("srresnet", …), a .safetensors file or the folder of a training run; or
        "nearest", "bilinear" or "bicubic".
      dtype: dtype of the network's computation, float32 or bfloat16.
      tile: side in pixels of the input tiles that larger images are divided into, which bounds the memory it takes.
      scale: scale of an interpolation (4 unless given); a network has its own.
      strength: of an SRGAN, from 0, the SRResNet that it was trained from (faithful), to 1, all of it (sharp): the
        parameters and batch statistics between the two.
      base: that SRResNet, by name, file or run; None to find it by what the SRGAN's card says.
      self_ensemble: average over the 8 flips and turns of the picture; eight times the work.
      color_lock: take the low frequencies of the result from the input, against colour shifts.
      back_project: iterations that pull the result towards one whose bicubic reduction is the input; 0 for none.

    Raises:
      InputError: no such weights, not a weights file of this version, a tile too small for the network, a scale that
        is not the network's, a strength outside [0, 1] or of a network without an ancestor, or any of the last five
        for an interpolation.
    """
    refinement = Refinement(self_ensemble, color_lock, back_project)
    if name_or_path in INTERPOLATIONS:
        if refinement != Refinement() or strength is not None or base is not None:
            raise InputError(
                f"{name_or_path} is an interpolation: strength, base, self-ensemble, color-lock and back-project are "
                "for networks"
            )
        scale = 4 if scale is None else scale
        if not isinstance(scale, int) or scale < 1:
            raise InputError(f"scale={scale!r}: {name_or_path} takes a whole number from 1 on")
        upscale = partial(_interpolate, name_or_path, scale)
        return Upscaler(name_or_path, scale, {}, "interpolation", upscale)
    weights = load_weights(name_or_path, dtype=jnp.dtype(dtype))
    if base is not None and strength is None:
        raise InputError("base says what strength 0 is: give strength too")
    if strength is not None:
        weights = interpolated(find_base(weights, name_or_path, base=base), weights, strength)
    model = weights.model
    if scale not in (None, model.scale):
        raise InputError(f"{name_or_path} upscales by {model.scale}, not by {scale}")
    halo = model.halo + refinement.reach
    check_tile(tile, halo=halo)
    apply = jax.jit(partial(_apply, model, refinement))
    upscale = partial(_upscale_by_network, apply, weights.variables, scale=model.scale, halo=halo, tile=tile)
    fields = ", ".join(f"{field}={value}" for field, value in weights.card["architecture"]["fields"].items())
    kind = f"{type(model).__name__}({fields}) in {jnp.dtype(dtype).name}, tile {tile}"
    switched_on = [f"strength {strength:g}"] if strength is not None else []
    switched_on += [name.replace("_", " ") for name in ("self_ensemble", "color_lock") if getattr(refinement, name)]
    switched_on += [f"back-project {back_project}"] if back_project else []
    name = ", ".join([_name(name_or_path), *switched_on])
    return Upscaler(name, model.scale, weights.card, kind, upscale)


def _name(name_or_path):
    path = Path(name_or_path)
    return path.stem if path.suffix == ".safetensors" else path.name


def _interpolate(kernel, scale, image, progress):
    if image.dtype == np.uint8:
        upscaled = resize_uint8(image, scale, kernel=kernel)
    else:
        channels = jnp.asarray(image.reshape(*image.shape[:2], -1))
        upscaled = np.asarray(jnp.clip(resize(channels, scale, kernel=kernel), 0.0, 1.0))
        upscaled = upscaled.reshape(*upscaled.shape[:2], *image.shape[2:])
    if progress is not None:
        progress(1, 1)
    return upscaled


def _upscale_by_network(apply, variables, image, progress, *, scale, halo, tile):
    return upscale_tiled(partial(apply, variables), image, scale=scale, halo=halo, tile=tile, progress=progress)


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


def _checked(image):
    """The image as a uint8 or float32 array in range, or an `InputError`."""
    if not hasattr(image, "__array__"):
        raise InputError(f"a {type(image).__name__} is no image: give an array, a PIL image or a path")
    image = np.asarray(image)
    if not (image.ndim == 2 or (image.ndim in (3, 4) and image.shape[-1] == 3)):
        raise InputError(f"an array of shape {image.shape} is no image: give [H, W, 3], [H, W] or [N, H, W, 3]")
    if image.size == 0:
        raise InputError(f"the image is empty: its shape is {image.shape}")
    if image.dtype == np.uint8:
        return image
    if not jnp.issubdtype(image.dtype, jnp.floating):
        raise InputError(f"an array of {image.dtype} is no image: give uint8, or float in [0, 1]")
    image = image.astype(np.float32)
    if not np.isfinite(image).all():
        raise InputError("the image has NaN or infinite values")
    # Rounding may carry a value a little outside the range; 0 to 255 or −1 to 1 is another convention.
    low, high = image.min(), image.max()
    if low < -0.01 or high > 1.01:
        raise InputError(f"the image has values from {low:.4g} to {high:.4g}: floats must be in [0, 1]")
    return np.clip(image, 0.0, 1.0)
