"""The page of results, from the figures in docs/results: `python scripts/report.py page`."""

import json
from pathlib import Path

import tyro

from jaxsr.errors import InputError, reported
from jaxsr.files import replacing

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
        raise InputError(f"{readme} has no place for the table: put {BEGIN} before it and {END} after it, once")
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

    A "reference", {title: [[updates, PSNR-Y in dB], …]} of other people's runs, can be added to the file by hand.

    Args:
      run: Folder of the run.
      name: Name of its file in --figures.
      title: Title of its curve.
      command: Command that started it.
      figures: Folder with runs/.
    """
    log = run / "metrics.jsonl"
    if not log.is_file():
        raise InputError(f"{run} is not the folder of a training run: it has no metrics.jsonl")
    try:
        scores = [row for row in map(json.loads, log.read_text().splitlines()) if "psnr_y" in row]
    except ValueError:
        raise InputError(f"{log} breaks off within a line: resume the run, which repairs it") from None
    if not scores:
        raise InputError(f"{run}: the run was not validated, so there is no curve to store")
    document = {"title": title, "command": command, "scores": scores}
    _write(figures / "runs" / f"{name}.json", json.dumps(document, indent=1) + "\n")


def _write(path, text):
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    with reported():
        tyro.extras.subcommand_cli_from_dict({"page": make_page, "add-run": add_run}, description=__doc__)
