"""The sections on short runs with one change each, from the files of `benchmarks/recipes.py`, and their words."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxsr.errors import InputError
from results_page.results import METRICS, markdown


class _Group(NamedTuple):
    """A group of runs, whose figures are `recipes_GROUP.json`.

    Attributes:
      introduction: what a row is. Names in braces are flags of all runs, and "data".
      remark: what else to know of the table.
      heading: Markdown above the section; the first group stands below that of the chapter.
    """

    introduction: str
    remark: str
    heading: str = ""


_GROUPS = {
    "scratch": _Group(
        "Each row is a run of `srresnet` with one change: {steps} updates of {batch-size} crops at a learning rate of "
        "{learning-rate:g}, on {data}.",
        "An update by SOAP takes longer than one by Adam. A random layer in the initialisation also breaks the path of "
        "the colours through the other layers.",
    ),
    "continued": _Group(
        "Each row goes on from the bundled `srresnet` with one change: {steps} updates of {batch-size} crops of {crop} "
        "pixels at a learning rate of {learning-rate:g}, averaged (EMA {ema:g}), in {dtype}, on {data}. Runs "
        "with other crops see as many pixels. Larger crops leave out the photos that are smaller.",
        "An update by SOAP takes longer than one by Adam.",
        "### More updates of the bundled `srresnet`\n\n",
    ),
    "srgan": _Group(
        "Each row goes on from the bundled `srgan` with one change: {steps} updates of {batch-size} crops of {crop} "
        "pixels at a learning rate of {learning-rate:g}, averaged (EMA {ema:g}), in {dtype}, on {data}. The "
        "discriminator, a `{discriminator}` at {discriminator-learning-rate:g}, starts from random weights. The "
        "content loss is that of `{perceptual}`.",
        "LPIPS is better when it is lower.",
        "### More updates of the bundled `srgan`\n\n",
    ),
}

# Further updates of a trained network change its scores by little.
_FINE = {"lpips_alex": ".4f", "psnr_y": ".3f"}


def recipes_sections(groups: Mapping[str, dict[str, Any]]) -> str:
    """Describe the short runs of each group as Markdown, with the difference that each change makes.

    Differences are from the mean of the runs without a change, which differ by their seed.

    Args:
      groups: {group: file of that group}, see `benchmarks/recipes.py`.
    """
    return "\n\n".join(f"{_GROUPS[group].heading}{_section(group, document)}" for group, document in groups.items())


def _section(group, document):
    runs = document["runs"]
    shown = [name for name in _FINE if all(name in run for run in runs.values())]
    forms = {name: METRICS[name][1] if group == "scratch" else _FINE[name] for name in shown}
    alike = [run for run in runs.values() if _unchanged(run)]
    if len(alike) < 2:
        raise InputError(f"recipes_{group}.json has fewer than two seeds without a change: run benchmarks/recipes.py")
    lines = [["", *(cell for name in shown for cell in (METRICS[name][0], "difference"))]]
    if "before" in document:
        lines.append(_row("before", document["before"], forms, alike))
    lines += [_row(title, run, forms, alike) for title, run in runs.items()]
    named = _listed([METRICS[name][0].removesuffix(" (dB)") for name in shown])
    sentences = [
        _GROUPS[group].introduction.format(**document["base"] | {"data": " ".join(document["data"])}),
        f"{named} {'is' if len(shown) == 1 else 'are'} on {document['validation']}.",
        _spread(forms, alike),
        "A change that helps this early need not help in the end.",
        _GROUPS[group].remark,
    ]
    return f"{' '.join(sentences)}\n\n{markdown(lines)}"


def _unchanged(run):
    return set(run["flags"]) <= {"seed"} and not (run["start"] or run.get("first_half") or run.get("reduced"))


def _row(title, scores, forms, alike):
    cells = [title]
    for name, form in forms.items():
        mean = np.mean([run[name] for run in alike])
        cells += [f"{scores[name]:{form}}", f"{scores[name] - mean:+{form}}"]
    return cells


def _spread(forms, alike):
    spans = [
        f"{np.ptp([run[name] for run in alike]):{form}}{' dB' if name == 'psnr_y' else ''}"
        for name, form in forms.items()
    ]
    return f"Differences are from the mean of the {len(alike)} seeds without a change, which span {_listed(spans)}."


def _listed(words):
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last
