"""The page of results is what the committed figures say."""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest
from forked import run
from results_page.page import readme_table, results_page
from results_page.plots import slope
from results_page.results import METRICS, PUBLISHED, ROWS, SETS, read_figures

from jaxsr.errors import InputError

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "docs" / "results"


def report(*arguments):
    return run([sys.executable, ROOT / "scripts" / "report.py", *arguments], cwd=ROOT)


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(FIGURES, tmp_path / "results")


def test_the_committed_page_and_table_are_what_the_figures_give(tmp_path):
    readme = tmp_path / "README.md"
    shutil.copy(ROOT / "README.md", readme)
    done = report("page", "--output", tmp_path, "--readme", readme)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "results.md").read_text() == (ROOT / "docs" / "results.md").read_text()
    assert readme.read_text() == (ROOT / "README.md").read_text()
    linked = re.findall(r"!\[.*?\]\((.*?)\)", (ROOT / "docs" / "results.md").read_text())
    assert len(linked) == 6
    assert all((ROOT / "docs" / name).is_file() for name in linked)
    assert {name for name in linked if name.endswith(".png")} == {path.name for path in tmp_path.glob("*.png")}


def test_the_page_has_every_score():
    figures, page = read_figures(FIGURES), (ROOT / "docs" / "results.md").read_text()
    for data in SETS:
        table = page.split(f"### {data}\n")[1].split("##")[0]
        for row in ROWS:
            (line,) = [line for line in table.splitlines() if line.startswith(f"| {row} |")]
            for metric, (_, form) in METRICS.items():
                published = PUBLISHED.get((row, data), {}).get(metric)
                behind = "" if published is None else f" ({published:{form}})"
                assert f"| {figures.scores[row, data]['mean'][metric]:{form}}{behind} |" in line


def change_srresnet(folder, **scores):
    """Change its mean scores on Set5."""
    path = folder / "scores" / "models.json"
    document = json.loads(path.read_text())
    (result,) = [r for r in document["results"] if (r["model"], r["data"]) == ("srresnet", "Set5")]
    result["mean"] |= scores
    path.write_text(json.dumps(document))


def test_a_change_of_a_figure_changes_the_page(folder):
    change_srresnet(folder, psnr_y=33.21)
    figures = read_figures(folder)
    assert "| srresnet | 33.21 (32.05) |" in results_page(figures)
    assert "`srresnet` is 1.16 dB above the paper's" in results_page(figures)
    assert "33.21" in readme_table(figures)


def test_the_slope_is_that_of_a_straight_line():
    rise, start = slope([(10, 0.0), (1000, 31.5), (10_000, 33.0)])
    assert (rise, start) == (pytest.approx(1.5), pytest.approx(27.0))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "speed.json").unlink(), "speed.json cannot be read"),
        (lambda folder: (folder / "scores" / "models.json").unlink(), "no scores of srcnn on Set5 (psnr_y, "),
        (lambda folder: (folder / "scores" / "real_networks.json").unlink(), "srresnet_real on Set5 (psnr_y)"),
        (lambda folder: shutil.copy(folder / "scores" / "models.json", folder / "real.json"), "real.json was scored"),
        (lambda folder: (folder / "budgets.json").write_text('{"protocol": "other"}'), "another protocol"),
        (lambda folder: (folder / "budgets.json").write_text("[]"), "another protocol"),
        (lambda folder: (folder / "speed.json").write_text("{}"), "speed.json lacks machine"),
        (lambda folder: shutil.rmtree(folder / "runs"), "no run"),
        (lambda folder: change_srresnet(folder, lpips_alex=None), "no scores of srresnet on Set5 (lpips_alex): run"),
    ],
)
def test_what_is_missing_is_named(folder, damage, words):
    damage(folder)
    with pytest.raises(InputError, match=re.escape(words)):
        read_figures(folder)


def test_a_run_is_kept(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    rows = [{"step": 0, "psnr_y": 27.5}, {"step": 1, "loss": 0.1}, {"step": 1, "psnr_y": 28.0}]
    (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    more = ["--name", "mine", "--title", "Mine", "--command", "python scripts/train.py"]
    assert report("add-run", "--figures", tmp_path, "--run", run, *more).returncode == 0
    kept = json.loads((tmp_path / "runs" / "mine.json").read_text())
    assert kept == {"title": "Mine", "command": "python scripts/train.py", "scores": [rows[0], rows[2]]}
    refused = report("add-run", "--figures", tmp_path, "--run", tmp_path, *more)
    assert refused.returncode == 2
    assert "no metrics.jsonl" in refused.stderr
