"""The one protocol that scores a network, from a folder of photos to the mean of its scores.

A gray file counts as luma, as in the published numbers. It is reduced as gray, and the upscaler returns gray. An RGB
network gets three equal channels, and the BT.601 full-range gray of its result is taken (see `jaxsr.upscaling`).
PSNR-RGB and LPIPS get the gray as three equal channels. If Set14's gray `bridge` were read as RGB instead, its PSNR-Y
would be 1.3 dB higher, because studio range scales the errors by 219/255.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from jaxsr.errors import InputError
from jaxsr.evaluation.lpips import make_lpips
from jaxsr.evaluation.metrics import psnr, ssim_daala, ssim_wang
from jaxsr.imaging.color import as_rgb, luma_levels, signed_from_unit, unit_from_uint8
from jaxsr.imaging.resize import resize_uint8
from jaxsr.models.lpips import Backbone

BICUBIC = "LR = MATLAB bicubic of HR (antialiased, mirrored border, uint8)"
PROTOCOL = (
    f"{BICUBIC}; SR clipped and rounded to uint8; `scale` border "
    "pixels cut, except for LPIPS; Y = BT.601 studio range, unrounded, a gray file counts as Y; PSNR with peak 255; "
    "SSIM on Y, Wang (11×11, σ 1.5, valid) and daala (σ 1.5·height/256); LPIPS 0.1 on RGB in [−1, 1]; "
    "mean of per-image values"
)

# From two batches [N, H, W, 3] in [−1, 1] to [N].
Distance = Callable[[np.ndarray, np.ndarray], np.ndarray]

# The images that each metric gets, and its function in `jaxsr.evaluation.metrics`.
METRICS: dict[str, tuple[Literal["y", "rgb"], Callable[..., np.ndarray]]] = {
    "psnr_y": ("y", psnr),
    "psnr_rgb": ("rgb", psnr),
    "ssim_wang": ("y", ssim_wang),
    "ssim_daala": ("y", ssim_daala),
}
LPIPS_METRICS: dict[str, Backbone] = {"lpips_alex": "alex", "lpips_vgg16": "vgg16"}


def hr_and_lr(photo: np.ndarray, *, scale: int) -> tuple[np.ndarray, np.ndarray]:
    """Make HR and LR of a photo.

    Args:
      photo: uint8 [H, W, 3] or [H, W], at least `scale` pixels on each side.
      scale: HR pixels per LR pixel.

    Returns:
      HR, the photo cropped at the bottom and right to multiples of `scale`, and LR, its reduction by MATLAB's bicubic.
    """
    photo = modcrop(photo, scale=scale)
    return photo, resize_uint8(photo, 1 / scale)


def modcrop(photo: np.ndarray, *, scale: int) -> np.ndarray:
    """Crop a photo [H, W, …] at the bottom and right to multiples of the scale, as the literature's `modcrop` does."""
    height, width = (side - side % scale for side in photo.shape[:2])
    return photo[:height, :width]


def reduced(name: str, hr: np.ndarray, *, scale: int) -> np.ndarray:
    """LR by MATLAB's bicubic; `name` is ignored."""
    return resize_uint8(hr, 1 / scale)


def score(
    sr: np.ndarray,
    hr: np.ndarray,
    *,
    scale: int,
    metrics: Sequence[str] = ("psnr_y", "ssim_wang"),
    distances: Mapping[str, Distance] | None = None,
) -> dict[str, float]:
    """Score one image under `PROTOCOL`.

    Args:
      sr: uint8 [H, W, 3], or [H, W], which counts as luma.
      hr: the same shape.
      scale: number of border pixels to cut off.
      metrics: any of `METRICS`; the result has their order.
      distances: further metrics by name, see `lpips_metrics`.

    Returns:
      {name: value}: PSNR in dB (infinite for equal images), SSIM and LPIPS without unit.

    Raises:
      InputError: the image has too few pixels for a metric.
    """
    inside = slice(scale, -scale)
    rgb = [image[inside, inside] for image in (sr, hr)]
    images = {"rgb": rgb, "y": [luma_levels(image) for image in rgb]}
    if min(images["y"][0].shape) < 11:
        raise InputError(f"{sr.shape[1]}×{sr.shape[0]} pixels are too few to be scored at ×{scale}")
    scores = {}
    for name in metrics:
        kind, metric = METRICS[name]
        scores[name] = float(metric(*images[kind], peak=255))
    if distances:
        sr, hr = (signed_from_unit(unit_from_uint8(as_rgb(image)))[None] for image in (sr, hr))
        scores |= {name: float(distance(sr, hr)[0]) for name, distance in distances.items()}
    return scores


def evaluate(
    upscaler: Callable[[np.ndarray], np.ndarray],
    photos: Iterable[tuple[str, np.ndarray]],
    *,
    scale: int = 4,
    low: Callable[..., np.ndarray] = reduced,
    metrics: Sequence[str] = tuple(METRICS),
    distances: Mapping[str, Distance] | None = None,
) -> dict[str, Any]:
    """Reduce photos, upscale them, and score the results under `PROTOCOL`.

    Args:
      upscaler: maps uint8 [h, w, 3] to uint8 [h·scale, w·scale, 3], and [h, w] to [h·scale, w·scale].
      photos: (name, uint8 [H, W, 3] or gray [H, W]). They are read one at a time, so a generator takes little memory.
      scale: scale of the upscaler.
      low: `low(name, hr, scale=scale)` returns LR of HR, whose sides are multiples of the scale.
      metrics: see `score`.
      distances: see `score`.

    Returns:
      {"scale": scale, "mean": {metric: value}, "images": {name: {metric: value}}, "seconds": s}, where s is the time
      spent in the upscaler, including compilation.

    Raises:
      InputError: a photo is too small to be scored, its LR cannot be read or made, or there are no photos.
    """
    seconds = 0.0

    def upscaled(name, hr):
        nonlocal seconds
        lr = low(name, hr, scale=scale)
        start = time.perf_counter()
        sr = upscaler(lr)
        seconds += time.perf_counter() - start
        return sr

    scores = score_results(upscaled, photos, scale=scale, metrics=metrics, distances=distances)
    return scores | {"seconds": seconds}


def score_results(
    results: Callable[[str, np.ndarray], np.ndarray],
    photos: Iterable[tuple[str, np.ndarray]],
    *,
    scale: int = 4,
    metrics: Sequence[str] = tuple(METRICS),
    distances: Mapping[str, Distance] | None = None,
) -> dict[str, Any]:
    """Score SR pictures of photos, whatever program made them.

    Args:
      results: `results(name, hr)` returns SR of the size of HR, whose sides are multiples of the scale.
      photos: see `evaluate`.
      scale: number of border pixels to cut off.
      metrics: see `score`.
      distances: see `score`.

    Returns:
      As `evaluate`, without "seconds".

    Raises:
      InputError: see `evaluate`.
    """
    images = {}
    for name, photo in photos:
        if min(photo.shape[:2]) < scale:
            raise InputError(f"{name}: {photo.shape[1]}×{photo.shape[0]} pixels are too few to be scored at ×{scale}")
        hr = modcrop(photo, scale=scale)
        sr = results(name, hr)
        try:
            images[name] = score(sr, hr, scale=scale, metrics=metrics, distances=distances)
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
    if not images:
        raise InputError("there are no photos to score on")
    mean = {
        metric: float(np.mean([scores[metric] for scores in images.values()])) for metric in next(iter(images.values()))
    }
    return {"scale": scale, "mean": mean, "images": images}


def lpips_metrics(backbones: Collection[Backbone]) -> dict[str, Distance]:
    """Make the LPIPS metrics on these networks, by their names in `LPIPS_METRICS`, for `score` and `evaluate`.

    Raises:
      InputError: the package with the weights is not installed.
    """
    return {f"lpips_{backbone}": make_lpips(backbone) for backbone in backbones}
