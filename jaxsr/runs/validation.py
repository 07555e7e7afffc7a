"""Validation on whole images, with a strip of the same crops each time."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from PIL import Image

from jaxsr.errors import InputError
from jaxsr.evaluation.protocol import modcrop, score
from jaxsr.evaluation.sheet import most_detailed
from jaxsr.imaging.color import (
    as_rgb,
    full_luma,
    signed_from_unit,
    uint8_from_unit,
    unit_from_signed,
    unit_from_uint8,
)
from jaxsr.imaging.photo import save_image
from jaxsr.imaging.resize import resize_uint8
from jaxsr.models.network import Network
from jaxsr.runs.drawing import strip
from jaxsr.upscaling.cells import pixels, upscale_cell_strips
from jaxsr.upscaling.tiling import cropped, joined

STRIP_SIDE = 160
STRIP_LENGTH = 6
# Upper limit of PSNR in dB, so that the infinite PSNR of an exact copy does not hide the other photos in the mean.
EXACT = 100.0
TILE = 256


def require_room(name: str, photo: np.ndarray, *, scale: int, lpips: bool) -> None:
    """Raise `InputError` if a photo, HR [H, W, …], is too small for the metrics, of which LPIPS needs most."""
    if min(photo.shape[:2]) < (32 if lpips else 11) + 3 * scale:
        raise InputError(f"{name}: {photo.shape[1]}×{photo.shape[0]} pixels are too few for validation; leave it out")


def make_validation(
    model: Network,
    photos: Mapping[str, np.ndarray],
    *,
    low: Mapping[str, np.ndarray] | None = None,
    workdir: Path | None,
    distances: Mapping[str, Callable[..., Any]] | None = None,
    losses: Mapping[str, Callable[[Any, Any], Any]] | None = None,
    started_from: Mapping[str, dict[str, Any]] | None = None,
) -> Callable[[Any, Any], dict[str, float]]:
    """Make the function that scores the network on whole images.

    Args:
      model: the network. Its batch norms use their running statistics.
      photos: {name: HR uint8 [H, W, 3], or [H, W] for a gray photo, which is scored as luma}; see `require_room`.
      low: {name: LR uint8} of photos cropped to a multiple of the scale. Photos without LR are reduced by MATLAB's
        bicubic.
      workdir: folder of the run, for strips in `strips/step-NNNNNN.png`; None for no strips.
      distances: further metrics, see `protocol.score`.
      losses: {name: elementwise loss of SR and HR, float32 [H, W, 3] in [−1, 1], unclipped as in training}. Their means
        are scores of these names.
      started_from: {label: variables of the same network}, each for a row that is the same in all strips.

    Returns:
      `validate(state, board)`, which returns the scores {"psnr_y": dB, "ssim_wang", …} and the losses as means
      over the photos, or {} without photos. It writes the strip, and sends it to the TensorBoard writer `board`.
    """
    smallest = min((min(photo.shape[:2]) for photo in photos.values()), default=0)
    side = min(STRIP_SIDE, smallest - smallest % model.scale)
    upscale = _make_upscale(model)
    given = low or {}

    def pair(name):
        high = modcrop(photos[name], scale=model.scale)
        return high, given[name] if name in given else resize_uint8(high, 1 / model.scale)

    def sr_of(variables, name):
        return _picture(upscale(variables, pair(name)[1]), gray=photos[name].ndim == 2)

    in_strip = list(photos)[:STRIP_LENGTH]
    before = {label: [sr_of(start, name) for name in in_strip] for label, start in (started_from or {}).items()}

    def validate(state: Any, board: Any) -> dict[str, float]:
        # On one device, since a replicated program would do the same work on each.
        variables = jax.device_put(jax.device_get(state.exported()), jax.local_devices()[0])
        scores, shown = [], []
        for i, name in enumerate(photos):
            high, reduced = pair(name)
            images = upscale(variables, reduced)
            upscaled = _picture(images, gray=high.ndim == 2)
            scored = score(upscaled, high, scale=model.scale, distances=distances)
            scored["psnr_y"] = min(scored["psnr_y"], EXACT)
            target = signed_from_unit(unit_from_uint8(as_rgb(high)))
            scored |= {name: float(np.mean(loss(images, target))) for name, loss in (losses or {}).items()}
            scores.append(scored)
            if i < STRIP_LENGTH:
                rows, columns = most_detailed(high, side=side)
                nearest = resize_uint8(reduced, model.scale, kernel="nearest")
                images = (nearest, *(pictures[i] for pictures in before.values()), upscaled, high)
                shown.append([np.asarray(Image.fromarray(image[rows, columns]).convert("RGB")) for image in images])
        if shown and workdir is not None:
            _save_strip(workdir, board, shown, names=("LR\n(nearest)", *before, "SR", "HR"), step=int(state.step))
        if not scores:
            return {}
        return {name: float(np.mean([each[name] for each in scores])) for name in scores[0]}

    return validate


def _make_upscale(model):
    """The function from variables and LR, uint8 [h, w, 3] or [h, w], to SR [H, W, 3] in [−1, 1]."""
    cell = model.unshuffle

    @jax.jit
    def apply(variables, low):
        return model.apply(variables, pixels(low, cell=cell)[None])[0]

    def upscale(variables, lr):
        rgb = as_rgb(lr)
        strips = upscale_cell_strips(
            cropped(lambda part: apply(variables, unit_from_uint8(part)), scale=model.scale * cell),
            lambda top, bottom: rgb[top:bottom],
            size=rgb.shape[:2],
            scale=model.scale,
            halo=model.halo,
            tile=max(TILE, 2 * model.halo + 64),
            cell=cell,
        )
        return joined(strips, rgb.shape[0] * model.scale)

    return upscale


def _save_strip(workdir, board, shown, *, names, step):
    """Write and send a strip. `shown` has the crops of each photo, one for each name."""
    picture = strip(list(zip(names, zip(*shown, strict=True), strict=True)), title=f"step {step}")
    save_image(workdir / "strips" / f"step-{step:06d}.png", picture)
    board.add_image("strip", picture, step, dataformats="HWC")


def _picture(images, *, gray):
    """SR in [−1, 1] as uint8 RGB, or as gray that is rounded once, as upscalers return it."""
    unit = np.clip(unit_from_signed(images), 0.0, 1.0)
    return uint8_from_unit(full_luma(unit) if gray else unit)
