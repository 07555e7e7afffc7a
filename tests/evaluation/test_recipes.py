"""The groups of short runs, and their sections of the page of results."""

import dataclasses
import sys
from pathlib import Path

import pytest
import tyro
from results_page.recipes import recipes_sections

from jaxsr.commands.train import Arguments, chosen_config
from jaxsr.data.inspection import inspect
from jaxsr.data.sources import SAMPLES
from jaxsr.errors import InputError
from jaxsr.training.checks import check

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import recipe_photos
from recipe_groups import GROUPS
from recipe_photos import write_reduced


@pytest.mark.parametrize(("group", "title"), [(name, title) for name, group in GROUPS.items() for title in group.runs])
def test_each_run_has_flags_of_the_training(group, title):
    base, run = GROUPS[group].base, GROUPS[group].runs[title]
    for flags in filter(lambda flags: flags is not None, (run.flags, run.first_half)):
        words = [str(word) for name, value in (base | flags).items() for word in (f"--{name}", value)]
        default = Arguments(**dataclasses.asdict(chosen_config(words)))
        config = tyro.cli(Arguments, default=default, args=words)
        check(config)
        # Whatever is compared, runs of a group see about as many pixels as the first one.
        pixels = config.steps * config.batch_size * config.crop**2
        usual = base["steps"] * base["batch-size"] * base.get("crop", 96) ** 2
        # 38 updates of 64 crops are as near as whole updates come to 150 of 16.
        assert 0.85 < pixels / usual < 1.02


def run_of(psnr, *, lpips=0.1, **settings):
    return {"flags": {}, "start": False, "psnr_y": psnr, "lpips_alex": lpips} | settings


def document(runs, group="srgan", **more):
    return {"base": GROUPS[group].base, "runs": runs, "data": ["a", "b"], "validation": "held-out"} | more


def test_differences_are_from_the_mean_of_the_seeds():
    runs = {
        "as it is": run_of(28.0, lpips=0.110),
        "seed 1": run_of(28.2, lpips=0.130, flags={"seed": 1}),
        "slow": run_of(29.0, lpips=0.100, flags={"learning-rate": 1e-5}),
        "halves": run_of(28.1, lpips=0.125, first_half={"loss": "l1"}),
    }
    page = recipes_sections({"srgan": document(runs, before={"psnr_y": 27.0, "lpips_alex": 0.2})})
    assert "| before | 0.2000 | +0.0800 | 27.000 | -1.100 |" in page
    assert "| slow | 0.1000 | -0.0200 | 29.000 | +0.900 |" in page
    assert "| halves | 0.1250 | +0.0050 | 28.100 | +0.000 |" in page
    assert "LPIPS-Alex (lower" not in page
    assert "the mean of the 2 seeds without a change, which span 0.0200 and 0.200 dB" in page


def test_differences_need_two_seeds():
    with pytest.raises(InputError, match=r"recipes_srgan\.json has fewer than two seeds"):
        recipes_sections({"srgan": document({"as it is": run_of(28.0)})})


def test_reduced_photos_pass_the_inspection(tmp_path, monkeypatch):
    monkeypatch.setattr(recipe_photos, "LARGE", 300)
    originals = tmp_path / "originals"
    originals.mkdir()
    for name in ("city.jpg", "waves.jpg"):
        (originals / name).symlink_to(SAMPLES / name)
    reduced = write_reduced([str(originals)], (0.75, 0.5, 0.35), tmp_path / "reduced")
    found = inspect([str(originals), str(reduced)], crop=32, full=True)
    assert found.rows == ()
    assert len(found.usable) == 2 + 2 * 3
    # Those that are there are not made again.
    before = {path: path.stat().st_mtime_ns for path in reduced.iterdir()}
    write_reduced([str(originals)], (0.75, 0.5, 0.35), reduced)
    assert {path: path.stat().st_mtime_ns for path in reduced.iterdir()} == before
