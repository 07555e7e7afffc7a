"""Results of the evaluator as a table to read and as JSON to keep."""

import json
import math
import os
import textwrap
from collections.abc import Sequence

from jaxsr.evaluation.protocol import METRICS, PERCEPTUAL, PROTOCOL
from jaxsr.files import replacing

_COLUMNS = {
    "psnr_y": ("PSNR-Y dB", ".3f"),
    "psnr_rgb": ("PSNR-RGB dB", ".3f"),
    "ssim_wang": ("SSIM Wang", ".4f"),
    "ssim_daala": ("SSIM daala", ".4f"),
    "lpips_alex": ("LPIPS-Alex", ".4f"),
    "lpips_vgg16": ("LPIPS-VGG16", ".4f"),
}


def table(results: Sequence[dict]) -> str:
    """Means of several models on one set as text, `PROTOCOL` in the title.

    Args:
      results: one or more of `evaluate`'s results with "model" and "data" added, all of one set.

    Returns:
      Lines without a newline at the end. Metrics that were not computed have a dash.
    """
    photos = len(results[0]["images"])
    title = f"{results[0]['data']}, {photos} photo{'s' if photos > 1 else ''}. {PROTOCOL}."
    rows = [["model", "scale", *(name for name, _ in _COLUMNS.values()), "s/photo"]]
    for result in results:
        mean = [_number(result["mean"].get(metric), form) for metric, (_, form) in _COLUMNS.items()]
        rows.append([result["model"], f"×{result['scale']}", *mean, f"{result['seconds'] / photos:.2f}"])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows]
    rule = "-" * max(map(len, lines))
    return "\n".join([*textwrap.wrap(title, len(rule)), rule, lines[0], rule, *lines[1:]])


def save_json(path: str | os.PathLike, results: Sequence[dict]) -> None:
    """Write {"protocol": `PROTOCOL`, "results": …}, whole or not at all.

    Args:
      path: file to write.
      results: `evaluate`'s results with "model" and "data" added; other keys are kept. A metric that was not computed,
        or is infinite (PSNR of an image without error), becomes null.

    Raises:
      OSError: the file cannot be written.
    """
    complete = [
        result
        | {"mean": _all_metrics(result["mean"])}
        | {"images": {name: _all_metrics(scores) for name, scores in result["images"].items()}}
        for result in results
    ]
    text = json.dumps({"protocol": PROTOCOL, "results": complete}, indent=2, ensure_ascii=False, allow_nan=False)
    with replacing(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def _all_metrics(scores):
    found = {metric: scores.get(metric) for metric in (*METRICS, *PERCEPTUAL)}
    return {metric: value if value is not None and math.isfinite(value) else None for metric, value in found.items()}


def _number(value, form):
    return "–" if value is None else format(value, form)
