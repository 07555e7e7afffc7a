"""The sections on short runs with one change each, from the files of `benchmarks/recipes.py`."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from results_page.results import METRICS, markdown

# Further updates of a trained network change its scores by little.
_FINE = {"lpips_alex": ".4f", "psnr_y": ".3f"}

_INTRODUCTIONS = {
    "scratch": (
        "Each row is a run of `srresnet` with one change: {steps} updates of {batch-size} crops at a learning rate of "
        "{learning-rate:g}, on {data}."
    ),
    "continued": (
        "Each row goes on from the bundled `srresnet` with one change: {steps} updates of {batch-size} crops of {crop} "
        "pixels at a learning rate of {learning-rate:g}, averaged (EMA {ema:g}), in {dtype}, on {data}. Runs "
        "with other crops see as many pixels. Larger crops leave out the photos that are smaller."
    ),
    "srgan": (
        "Each row goes on from the bundled `srgan` with one change: {steps} updates of {batch-size} crops of {crop} "
        "pixels at a learning rate of {learning-rate:g}, averaged (EMA {ema:g}), in {dtype}, on {data}. The "
        "discriminator, a `{discriminator}` at {discriminator-learning-rate:g}, starts from random weights. The "
        "content loss is that of `{perceptual}`."
    ),
}

_REMARKS = {
    "scratch": (
        "An update by SOAP takes longer than one by Adam. A random layer in the initialisation also breaks the path of "
        "the colours through the other layers."
    ),
    "continued": "An update by SOAP takes longer than one by Adam.",
    "srgan": "LPIPS is better when it is lower.",
}

_HEADINGS = {"continued": "More updates of the bundled `srresnet`", "srgan": "More updates of the bundled `srgan`"}


def recipes_sections(groups: Mapping[str, dict[str, Any]]) -> str:
    """Describe the short runs of each group as Markdown, with the difference that each change makes.

    Differences are from the mean of the runs without a change, which differ by their seed. Until one of these is there,
    no differences are shown.

    Args:
      groups: {group: file of that group}, see `results_page.results.RECIPES`. Groups without runs are left out.
    """
    sections = []
    for group, document in groups.items():
        if document["runs"]:
            heading = f"### {_HEADINGS[group]}\n\n" if group in _HEADINGS else ""
            sections.append(f"{heading}{_section(group, document)}")
    return "\n\n".join(sections)


def _section(group, document):
    runs = document["runs"]
    shown = [name for name in _FINE if all(name in run for run in runs.values())]
    forms = {name: METRICS[name][1] if group == "scratch" else _FINE[name] for name in shown}
    alike = [run for run in runs.values() if _unchanged(run)]
    head, lines = [""], []
    for name in shown:
        head += [METRICS[name][0], *(["difference"] if alike else [])]
    if "before" in document:
        lines.append(_row("before", document["before"], forms, alike))
    lines += [_row(title, run, forms, alike) for title, run in runs.items()]
    named = _listed([METRICS[name][0].removesuffix(" (dB)") for name in shown])
    sentences = [
        _INTRODUCTIONS[group].format(**document["base"] | {"data": " ".join(document["data"])}),
        f"{named} {'is' if len(shown) == 1 else 'are'} on {document['validation']}.",
        _spread(forms, alike),
        "A change that helps this early need not help in the end.",
        _REMARKS[group],
    ]
    return f"{' '.join(filter(None, sentences))}\n\n{markdown([head, *lines])}"


def _unchanged(run):
    return set(run["flags"]) <= {"seed"} and not (run["start"] or run.get("first_half") or run.get("reduced"))


def _row(title, scores, forms, alike):
    cells = [title]
    for name, form in forms.items():
        cells.append(f"{scores[name]:{form}}")
        if alike:
            cells.append(f"{scores[name] - np.mean([run[name] for run in alike]):+{form}}")
    return cells


def _spread(forms, alike):
    if not alike:
        return ""
    if len(alike) == 1:
        return "Differences are from the run without a change."
    spans = _listed(
        [
            f"{np.ptp([run[name] for run in alike]):{form}}{' dB' if name == 'psnr_y' else ''}"
            for name, form in forms.items()
        ]
    )
    return f"Differences are from the mean of the {len(alike)} seeds without a change, which span {spans}."


def _listed(words):
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last
