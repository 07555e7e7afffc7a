"""LR files among the photos and in their place."""

import numpy as np
import pytest
from PIL import Image

from jaxsr.data.inspection import format_table, inspect
from jaxsr.data.sources import open_source
from jaxsr.evaluation.protocol import hr_and_lr
from jaxsr.evaluation.sets import open_sets

SAMPLES = ("city", "guitar", "nyc")


def photo(number, size=None):
    picture = open_source(["samples"])[number]
    return picture if size is None else np.asarray(Image.fromarray(picture).resize(size))


def save(path, picture):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path, compress_level=1)


def write_pairs(folder, high, low, *, scale, size=(402, 322)):
    """Three photos as `high` names them, and their reductions as `low` does."""
    for number, name in enumerate(SAMPLES):
        picture = photo(number, size)
        save(folder / high.format(name), picture)
        save(folder / low.format(name), hr_and_lr(picture, scale=scale)[1])


@pytest.mark.parametrize(
    ("high", "low", "options"),
    [
        # As large as a crop, and smaller; decoded, and above a million pixels, of which only the header is read.
        ("HR/{}.png", "LR/{}x4.png", {"scale": 4}),
        ("HR/{}.png", "LR/{}x2.png", {"scale": 2}),
        ("HR/sub/{}.png", "LR/sub/{}.png", {"scale": 3}),
        ("HR/{}.png", "LR/{}x3.png", {"scale": 3, "size": (1203, 1001)}),
        ("HR/{}.png", "LR/{}x2.png", {"scale": 2, "size": (2403, 2001)}),
    ],
)
def test_pairs_in_one_folder_are_known_for_what_they_are(tmp_path, high, low, options):
    write_pairs(tmp_path, high, low, **options)
    found = inspect([str(tmp_path)], crop=96)
    assert sorted(found.usable.names) == [str(tmp_path / high.format(name)) for name in SAMPLES]
    assert {row.name: row.problem for row in found.rows} == {
        str(tmp_path / low.format(name)): (
            f"looks like the LR file of {tmp_path / high.format(name)}, at ×{options['scale']}"
        )
        for name in SAMPLES
    }
    flags = f"--data {tmp_path / 'HR'} --lr {tmp_path / 'LR'}"
    assert format_table(found).endswith(f"3 photos look like LR files of others; to train on pairs: {flags}")


def test_pairs_without_folders_of_their_own_are_to_be_put_apart(tmp_path):
    write_pairs(tmp_path, "{}.png", "{}_LR.png", scale=2)
    found = inspect([str(tmp_path)], crop=96)
    assert len(found.usable) == 3
    assert "put these into a folder of their own and pass it as --lr" in format_table(found)


def test_photos_that_only_share_names_and_shapes_are_no_pairs(tmp_path):
    for number, name in enumerate(SAMPLES):
        save(tmp_path / "one" / f"{name}.png", photo(number, (402, 322)))
        save(tmp_path / "other" / f"{name}.png", photo(number + 3, (201, 161)))
        save(tmp_path / "large" / f"{name}.png", photo((number + 1) % 3, (1608, 1288)))
    found = inspect([str(tmp_path / "one"), str(tmp_path / "other")], crop=96)
    assert (len(found.usable), found.rows, found.hint) == (6, (), None)
    found = inspect([str(tmp_path / "other"), str(tmp_path / "large")], crop=96)
    assert (len(found.usable), found.rows, found.hint) == (6, (), None)


def test_lr_files_that_are_scored_as_if_they_were_hr_are_told_of(tmp_path):
    write_pairs(tmp_path, "HR/{}.png", "LR/{}x2.png", scale=2)
    write_pairs(tmp_path, "flat/{}.png", "flat/{}x2.png", scale=2)
    write_pairs(tmp_path, "up/{}.png", "up/down/{}.png", scale=2)
    for data, high in (("LR", "HR"), ("up/down", "up")):
        low, words = (
            tmp_path / data,
            f"LR files of those in {tmp_path / high}; for pairs: --data {tmp_path / high} --lr",
        )
        with pytest.warns(UserWarning, match=f"{low}: these photos look like the {words} {low}$"):
            open_sets([str(low)])
    with pytest.warns(UserWarning, match=r"3 of 6 photos look like .* \(cityx2.png of city.png\); .* pass it as --lr"):
        open_sets([str(tmp_path / "flat")])
    # The suite takes a warning for an error.
    open_sets([str(tmp_path / "HR")], low=[str(tmp_path / "LR")])
    open_sets([str(tmp_path / "up")])
    with pytest.warns(UserWarning, match="for pairs: --validation .*HR --validation-lr .*LR"):
        open_sets([str(tmp_path / "LR")], flags=("--validation", "--validation-lr"))
