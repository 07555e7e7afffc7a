"""The same crops side by side: the photo, the result of every model, and the original."""

import heapq
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from jaxsr.evaluation.photos import read_set
from jaxsr.evaluation.protocol import modcrop, reduced, score
from jaxsr.evaluation.sets import EvaluationSet
from jaxsr.imaging.color import luma_levels
from jaxsr.imaging.photo import save_image
from jaxsr.upscaling.upscaler import Upscaler

CELL = 240
GAP = 10
TITLE, HEAD, FOOT = 40, 30, 28


class Crop(NamedTuple):
    """A window of a photo.

    Attributes:
      name: the photo's name.
      photo: uint8 [H, W, 3] or gray [H, W].
      rows: rows of the window.
      columns: columns of the window.
      low: makes LR of the photo, see `jaxsr.evaluation.sets.EvaluationSet`.
      label: caption of the crop; "" for the photo's name.
    """

    name: str
    photo: np.ndarray
    rows: slice
    columns: slice
    low: Callable[..., np.ndarray] = reduced
    label: str = ""


def most_detailed(image: np.ndarray, *, side: int) -> tuple[slice, slice]:
    """Find the square window with the greatest gradient energy, the sum of squared differences of luma.

    Args:
      image: uint8 [H, W, 3] or [H, W].
      side: side of the window in pixels; the window is smaller if the image is.

    Returns:
      Rows and columns.
    """
    return _most_detailed(image, side)[1]


def choose_crops(
    photos: Iterable[tuple[str, np.ndarray]], *, count: int, side: int = CELL // 3, margin: int = 0
) -> list[Crop]:
    """Choose the `count` photos whose most detailed windows have the most detail, and return these windows.

    Args:
      photos: (name, uint8 [H, W, 3] or gray [H, W]). They are read one at a time, so a generator takes little memory.
      count: number of crops.
      side: side of the windows in pixels.
      margin: pixels at the bottom and right to leave out, because cropping to a multiple of the scale may remove them.

    Returns:
      At most `count` crops, the most detailed first.
    """

    def candidates():
        for name, photo in photos:
            height, width = photo.shape[:2]
            energy, window = _most_detailed(photo[: max(height - margin, 1), : max(width - margin, 1)], side)
            yield energy, Crop(name, photo, *window)

    best = heapq.nlargest(count, candidates(), key=lambda candidate: candidate[0])
    return [crop for _, crop in best]


def draw_sheet(crops: Sequence[Crop], models: Mapping[str, Upscaler]) -> np.ndarray:
    """Upscale the reduced photos with every model and place the crops side by side, enlarged without smoothing.

    Args:
      crops: the crops, one row each.
      models: upscalers by name, of whole scales, one column each, between the whole photo on the left and the original
        on the right.

    Returns:
      uint8 [H, W, 3]. PSNR-Y and SSIM (Wang) of the whole photo are written under each crop.

    Raises:
      InputError: a photo has too few pixels to be scored at the scale of a model.
    """
    names = ["photo", *models, "HR"]
    width = GAP + len(names) * (CELL + GAP)
    sheet = Image.new("RGB", (width, TITLE + HEAD + len(crops) * (CELL + FOOT + GAP)), "white")
    draw = ImageDraw.Draw(sheet)
    title = "Most detailed crops, enlarged; PSNR-Y and SSIM (Wang) of the whole photo"
    _write(draw, (GAP, TITLE / 2), title, size=20, room=width - 2 * GAP)
    for column, name in enumerate(names):
        _write(draw, (_left(column), TITLE + HEAD / 2), name, size=18, room=CELL)
    for row, crop in enumerate(crops):
        top = TITLE + HEAD + row * (CELL + FOOT + GAP)
        cells = [(_overview(crop), crop.label or crop.name), *(_answer(crop, model) for model in models.values())]
        cells.append((_enlarged(crop.photo[crop.rows, crop.columns]), "original"))
        for column, (picture, caption) in enumerate(cells):
            left = _left(column)
            draw.rectangle([left - 1, top - 1, left + CELL, top + CELL], outline="lightgray")
            sheet.paste(picture, (left, top))
            _write(draw, (left, top + CELL + FOOT / 2), caption, size=16, room=CELL)
    return np.asarray(sheet)


def save_sheet(
    path: str | os.PathLike, sets: Mapping[str, EvaluationSet], models: Mapping[str, Upscaler], *, rows: int = 6
) -> None:
    """Write a sheet (see `draw_sheet`) of the most detailed crops of some test sets.

    Args:
      path: a file .png or .jpg.
      sets: see `open_sets`.
      models: see `draw_sheet`.
      rows: total number of crops, divided among the sets; each set gets at least one.

    Raises:
      InputError: a photo cannot be read or has too few pixels to be scored, or `path` has another suffix.
      OSError: the file cannot be written.
    """
    margin = int(max(model.scale for model in models.values())) - 1
    crops = []
    for name, each in sets.items():
        chosen = choose_crops(read_set(each.paths), count=max(1, rows // len(sets)), margin=margin)
        crops += [crop._replace(low=each.low, label=f"{crop.name}  ({name})") for crop in chosen]
    save_image(path, draw_sheet(crops, models))


def _most_detailed(image, side):
    y = luma_levels(image)
    energy = np.zeros(y.shape)
    energy[:-1] += np.diff(y, axis=0) ** 2
    energy[:, :-1] += np.diff(y, axis=1) ** 2
    side = min(side, *y.shape)
    total = np.pad(energy.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    windows = total[side:, side:] - total[:-side, side:] - total[side:, :-side] + total[:-side, :-side]
    top, left = np.unravel_index(np.argmax(windows), windows.shape)
    return windows[top, left], (slice(int(top), int(top) + side), slice(int(left), int(left) + side))


def _answer(crop, model):
    hr = modcrop(crop.photo, scale=model.scale)
    sr = model(crop.low(crop.name, hr, scale=model.scale))
    scores = score(sr, hr, scale=model.scale)
    return _enlarged(sr[crop.rows, crop.columns]), f"{scores['psnr_y']:.2f} dB,  SSIM {scores['ssim_wang']:.3f}"


def _enlarged(image):
    return Image.fromarray(image).convert("RGB").resize((CELL, CELL), Image.Resampling.NEAREST)


def _overview(crop):
    photo = Image.fromarray(crop.photo).convert("RGB")
    shrink = CELL / max(photo.size)
    small = photo.resize([max(1, round(side * shrink)) for side in photo.size], Image.Resampling.LANCZOS)
    box = [crop.columns.start, crop.rows.start, crop.columns.stop, crop.rows.stop]
    box = [round(edge * shrink) for edge in box]
    draw = ImageDraw.Draw(small)
    draw.rectangle([box[0] - 1, box[1] - 1, box[2], box[3]], outline="white", width=4)
    draw.rectangle([box[0], box[1], box[2] - 1, box[3] - 1], outline="red", width=2)
    cell = Image.new("RGB", (CELL, CELL), "white")
    cell.paste(small, ((CELL - small.width) // 2, (CELL - small.height) // 2))
    return cell


def _left(column):
    return GAP + column * (CELL + GAP)


def _write(draw, position, text, *, size, room):
    font = ImageFont.load_default(size)
    if draw.textlength(text, font=font) > room:
        while text and draw.textlength(text + "...", font=font) > room:
            text = text[:-1]
        text += "..."
    draw.text(position, text, fill="black", font=font, anchor="lm")
