"""The page of results, from the figures in docs/results: `python scripts/report.py`, or `page` with flags."""

import sys
from collections.abc import Callable
from pathlib import Path

import tyro

import jaxsr.errors

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "docs/results"
BEGIN, END = "<!-- scripts/report.py: results -->", "<!-- end -->"


def make_page(
    *, figures: Path = FIGURES, output: Path = ROOT / "docs", readme: Path | None = ROOT / "README.md"
) -> None:
    """Write results.md, its plots, and the README's table.

    Args:
      figures: Folder with scores/, runs/, speed.json, budgets.json and others.
      output: Folder for results.md and the plots.
      readme: File whose table is replaced between its two marks. None: no file.
    """
    from results_page import page, plots, results

    from jaxsr.evaluation.report import draw_strengths

    read = results.read_figures(figures)
    text = readme.read_text(encoding="utf-8") if readme else None
    if text is not None and (text.count(BEGIN), text.partition(BEGIN)[2].count(END)) != (1, 1):
        raise jaxsr.errors.InputError(
            f"{readme} has no place for the table: put {BEGIN} before it and {END} after it, once"
        )
    plots.draw_runs(output / "curves.png", read.runs)
    draw_strengths(output / "strength.png", [r for r in read.scores.values() if "strength" in (r["card"] or {})])
    paper = page.PAPERS_BATCH * max(page.PAPERS_UPDATES)
    plots.draw_budgets(output / "budgets.png", read.budgets, until=paper)
    plots.draw_twins(output / "twins.png", read.twins["jaxsr"], read.twins["PyTorch"])
    _write(output / "results.md", page.results_page(read))
    if text is not None:
        before, _, rest = text.partition(BEGIN)
        _write(readme, f"{before}{BEGIN}\n{page.readme_table(read)}\n{END}{rest.partition(END)[2]}")
    print(f"{output / 'results.md'} and its plots")


def add_run(*, run: Path, name: str, title: str, command: str, figures: Path = FIGURES) -> None:
    """Record the validation scores of a training run, for its curve.

    Args:
      run: Folder of the run.
      name: Name of its file in --figures.
      title: Title of its curve.
      command: Command that started it.
      figures: Folder with runs/.
    """
    from results_page import results

    results.add_run(figures, run, name=name, title=title, command=command)


def _write(path, text):
    from jaxsr.files import replacing

    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    with jaxsr.errors.reported():
        commands: dict[str, Callable[..., None]] = {"page": make_page, "add-run": add_run}
        # Without a command, the flags are those of `page`.
        given = sys.argv[1:]
        if not given or given[0] not in (*commands, "-h", "--help"):
            given = ["page", *given]
        tyro.extras.subcommand_cli_from_dict(commands, description=__doc__, args=given)
