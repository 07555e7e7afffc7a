"""Rebuild the page of results from the figures in docs/results: `python scripts/report.py`."""

from pathlib import Path

import tyro

import jaxsr.errors

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- scripts/report.py: results -->", "<!-- end -->"


def main(
    *,
    figures: Path = ROOT / "docs/results",
    output: Path = ROOT / "docs",
    readme: Path | None = ROOT / "README.md",
    add_run: Path | None = None,
    name: str | None = None,
    title: str | None = None,
    command: str | None = None,
) -> None:
    """Write results.md, its plots, and the README's table; or record the measurements of a training run.

    Args:
      figures: Folder with scores/, runs/, speed.json, budgets.json and twins.json.
      output: Folder for results.md and the plots.
      readme: File whose table is replaced between its two marks. None: no file.
      add_run: Folder of a training run. Its validation scores are added to --figures; nothing else is done.
      name: File name for that run in --figures.
      title: Title of that run's curve.
      command: Command that started that run.
    """
    from results_page import page, plots, results

    from jaxsr.evaluation.report import draw_strengths

    if add_run:
        if not (name and title and command):
            raise jaxsr.errors.InputError("--add-run needs --name, --title and --command too")
        return results.add_run(figures, add_run, name=name, title=title, command=command)
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


def _write(path, text):
    from jaxsr.files import replacing

    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    with jaxsr.errors.reported():
        tyro.cli(main)
