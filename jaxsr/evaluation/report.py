"""Results of the evaluator as a table, as JSON and as a curve."""

import itertools
import json
import math
import os
import textwrap
from collections.abc import Sequence
from typing import Any

from jaxsr.errors import InputError
from jaxsr.evaluation.protocol import LPIPS_METRICS, METRICS, PROTOCOL
from jaxsr.files import replacing

_COLUMNS = {
    "psnr_y": ("PSNR-Y dB", ".3f"),
    "psnr_rgb": ("PSNR-RGB dB", ".3f"),
    "ssim_wang": ("SSIM Wang", ".4f"),
    "ssim_daala": ("SSIM daala", ".4f"),
    "lpips_alex": ("LPIPS-Alex", ".4f"),
    "lpips_vgg16": ("LPIPS-VGG16", ".4f"),
}
_WITHOUT_ORIGINAL = {"niqe": ("NIQE", ".3f")}


def table_of_each_scale(results: Sequence[dict[str, Any]]) -> str:
    """Format one `table` per scale, each followed by an empty line: scores at different scales cannot be compared.

    Args:
      results: results of several models on one set, see `table`.
    """
    by_scale = sorted(results, key=lambda result: result["scale"] or 0)
    groups = itertools.groupby(by_scale, lambda result: result["scale"])
    return "".join(f"{table(list(group))}\n\n" for _, group in groups).removesuffix("\n")


def table(results: Sequence[dict[str, Any]]) -> str:
    """Format the mean scores of several models on one set as text, with the protocol in the title.

    Args:
      results: one or more of `evaluate`'s results with "model" and "data" added, all of one set and scale. They need
        "protocol" if it is not `PROTOCOL`.

    Returns:
      Lines without a newline at the end. Metrics that were not computed have a dash.
    """
    columns = _WITHOUT_ORIGINAL if "niqe" in results[0]["mean"] else _COLUMNS
    photos = len(results[0]["images"])
    protocol = results[0].get("protocol", PROTOCOL)
    title = f"{results[0]['data']}, {photos} photo{'s' if photos > 1 else ''}. {protocol}."
    rows = [["model", "scale", *(name for name, _ in columns.values()), "s/photo"]]
    for result in results:
        mean = [_number(result["mean"].get(metric), form) for metric, (_, form) in columns.items()]
        scale = f"×{result['scale']}" if result["scale"] else "–"
        rows.append([result["model"], scale, *mean, _number(result.get("seconds", math.nan) / photos, ".2f")])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows]
    rule = "-" * max(map(len, lines))
    return "\n".join([*textwrap.wrap(title, max(len(rule), 80)), rule, lines[0], rule, *lines[1:]])


def save_json(path: str | os.PathLike, results: Sequence[dict[str, Any]]) -> None:
    """Write {"protocol": the protocol of all results, "results": …}, completely or not at all.

    Args:
      path: file to write.
      results: `evaluate`'s results with "model" and "data" added; other keys are kept. A metric becomes null if it was
        not computed or is infinite (PSNR of an image without error).

    Raises:
      OSError: the file cannot be written.
    """
    complete = [
        result
        | {"mean": _all_metrics(result["mean"])}
        | {"images": {name: _all_metrics(scores) for name, scores in result["images"].items()}}
        for result in results
    ]
    protocol = results[0].get("protocol", PROTOCOL)
    text = json.dumps({"protocol": protocol, "results": complete}, indent=2, allow_nan=False)
    with replacing(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def draw_strengths(path: str | os.PathLike, results: Sequence[dict[str, Any]]) -> None:
    """Plot the perception–distortion curve (Blau & Michaeli 2018): LPIPS-Alex over PSNR-Y, a line per network and set.

    Args:
      path: PNG to write.
      results: `evaluate`'s results with "model" and "data" added, whose card has a "strength".

    Raises:
      InputError: LPIPS was not computed.
    """
    from matplotlib.figure import Figure

    if any("lpips_alex" not in result["mean"] for result in results):
        raise InputError('the curve needs LPIPS: pip install "jaxsr[lpips]"')
    figure = Figure(figsize=(8, 6), layout="constrained")
    axis = figure.subplots()
    lines = {}
    for result in results:
        # The name without what it says of the strength.
        network = result["model"].replace(f", strength {result['card']['strength']:g}", "")
        lines.setdefault((result["data"], network), []).append(result)
    for (data, model), line in lines.items():
        line = sorted(line, key=lambda result: result["card"]["strength"])
        psnr, lpips = ([result["mean"][metric] for result in line] for metric in ("psnr_y", "lpips_alex"))
        axis.plot(psnr, lpips, "o-", label=f"{model} on {data}")
        for result, x, y in zip(line, psnr, lpips, strict=True):
            text = f"{result['card']['strength']:g}"
            axis.annotate(text, (x, y), textcoords="offset points", xytext=(7, -11))
    axis.set(xlabel="PSNR-Y (dB): more faithful →", ylabel="LPIPS-Alex: ← closer to the eye")
    axis.set_title("Strength from the SRResNet (0) to the SRGAN (1)")
    axis.grid(alpha=0.3)
    axis.legend()
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110)


def _all_metrics(scores):
    if scores.keys() == _WITHOUT_ORIGINAL.keys():
        return scores
    found = {metric: scores.get(metric) for metric in (*METRICS, *LPIPS_METRICS)}
    return {metric: value if value is not None and math.isfinite(value) else None for metric, value in found.items()}


def _number(value, form):
    return "–" if value is None or math.isnan(value) else format(value, form)
