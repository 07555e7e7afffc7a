from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import jaxsr
from jaxsr.evaluation.photos import find_set, read_set
from jaxsr.evaluation.protocol import hr_and_lr
from jaxsr.evaluation.sets import EvaluationSet
from jaxsr.evaluation.sheet import CELL, Crop, choose_crops, draw_sheet, most_detailed, save_sheet
from jaxsr.imaging.resize import resize_uint8

SET5 = Path(__file__).parents[1] / "data" / "Set5"


def test_most_detailed_beats_every_other_window():
    image = np.random.default_rng(0).integers(0, 256, (20, 26)).astype(np.uint8)
    y = image.astype(float)
    energy = np.zeros(y.shape)
    energy[:-1] += (y[1:] - y[:-1]) ** 2
    energy[:, :-1] += (y[:, 1:] - y[:, :-1]) ** 2
    sums = {(i, j): energy[i : i + 7, j : j + 7].sum() for i in range(14) for j in range(20)}
    rows, columns = most_detailed(image, side=7)
    assert (rows.start, columns.start) == max(sums, key=sums.get)


@pytest.mark.parametrize("shape", [(5, 30, 3), (30, 5), (1, 1, 3)])
def test_window_fits_a_small_image(shape):
    rows, columns = most_detailed(np.zeros(shape, np.uint8), side=16)
    assert rows.stop - rows.start == columns.stop - columns.start == min(shape[:2])


def test_chosen_crops_are_the_most_detailed_first():
    flat, textured = (
        np.zeros((40, 40, 3), np.uint8),
        np.random.default_rng(0).integers(0, 256, (40, 40)).astype(np.uint8),
    )
    faint = textured // 8
    crops = choose_crops([("flat", flat), ("faint", faint), ("textured", textured)], count=2, side=16, margin=3)
    assert [crop.name for crop in crops] == ["textured", "faint"]
    assert all(crop.rows.stop <= 37 and crop.columns.stop <= 37 for crop in crops)


def test_cells_are_the_models_pixels():
    photo = dict(read_set(find_set(SET5)[1]))["butterfly"]
    crop = Crop("butterfly", photo, *most_detailed(photo, side=80))
    models = {"nearest": jaxsr.load("nearest"), "bicubic ×2": jaxsr.load("bicubic", scale=2)}
    sheet = draw_sheet([crop], models)
    expected = [resize_uint8(hr_and_lr(photo, scale=4)[1], 4, kernel="nearest")]
    expected += [resize_uint8(hr_and_lr(photo, scale=2)[1], 2), photo]
    for column, image in enumerate(expected, start=1):
        cell = np.repeat(np.repeat(image[crop.rows, crop.columns], CELL // 80, axis=0), CELL // 80, axis=1)
        # Wherever the cell lies, it is there pixel for pixel.
        left = 10 + column * (CELL + 10)
        strip = sheet[:, left : left + CELL]
        tops = [top for top in range(strip.shape[0] - CELL + 1) if np.array_equal(strip[top : top + CELL], cell)]
        assert len(tops) == 1


def test_sheet_of_several_sets_is_written(tmp_path):
    gray = Image.open(SET5 / "HR" / "head.png").convert("L").resize((70, 61))
    gray.save(tmp_path / "gray.png")
    sets = {"Set5": EvaluationSet(find_set(SET5)[1][:2]), "own": EvaluationSet([tmp_path / "gray.png"])}
    save_sheet(tmp_path / "sheet.png", sets, {"bilinear": jaxsr.load("bilinear")}, rows=2)
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.mode == "RGB"
        assert sheet.width == 10 + 3 * (CELL + 10)
        assert sheet.height > 2 * CELL
