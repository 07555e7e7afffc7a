"""Upscales transparent pictures with premultiplied colours, so that hidden colours do not show through."""

from collections.abc import Iterator

import numpy as np

from jaxsr.imaging.color import unit_of
from jaxsr.imaging.strips import Rows, resize_strips, sliding
from jaxsr.upscaling.tiling import Progress, Strips


def transparent_strips(
    strips: Strips,
    colours: Rows,
    opacity: Rows,
    *,
    size: tuple[int, int],
    to: tuple[int, int],
    progress: Progress | None,
) -> Iterator[np.ndarray]:
    """Upscale a picture with transparency (premultiplied alpha: Porter & Duff 1984, section 3).

    The network sees the colours on black, weighted by their opacity. Its result is divided by the opacity, which is
    upscaled by bicubic interpolation. Colours that were invisible therefore do not reach the visible edge.

    Args:
      strips: `Upscaler.strips`, for the colours.
      colours: `colours(top, bottom)` returns these rows, [h, W] or [h, W, 3], uint8 or float32 in [0, 1], not
        premultiplied.
      opacity: `opacity(top, bottom)` returns these rows, [h, W] float32 in [0, 1].
      size: (height, width) of the picture.
      to: (height, width) of the result.
      progress: see `Upscaler.upscale_strips`.

    Yields:
      [h, to[1], C + 1] float32 in [0, 1], not premultiplied, opacity last.
    """

    def premultiplied(top, bottom):
        weight, colour = opacity(top, bottom), unit_of(colours(top, bottom))
        return colour * (weight if colour.ndim == 2 else weight[..., None])

    alphas = sliding(resize_strips(opacity, size, to))
    top = 0
    for strip in strips(premultiplied, size, to, progress):
        alpha = np.clip(alphas(top, top + len(strip)), 0.0, 1.0)[..., None]
        top += len(strip)
        colour = strip.reshape(*strip.shape[:2], -1)
        # Below half a level of 255 nothing is visible, and the quotient would be noise.
        seen = alpha > 0.5 / 255
        yield np.concatenate(
            [np.where(seen, np.clip(colour / np.where(seen, alpha, 1.0), 0.0, 1.0), 0.0), np.where(seen, alpha, 0.0)],
            axis=-1,
        )
