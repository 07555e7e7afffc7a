"""What a person sees of a run: the log, curves, and strips of the same crops at each validation."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from jaxsr.files import replacing


def read_log(path: Path, *, until: int) -> list[dict]:
    """Rows of a metrics.jsonl up to and with step `until`; the file is cut to them, a torn last line included."""
    if not path.exists():
        return []
    rows = []
    for line in path.read_text().splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            break
        if row["step"] <= until:
            rows.append(row)
    with replacing(path) as temporary:
        temporary.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return rows


def append_log(path: Path, row: dict) -> None:
    """One row more in a metrics.jsonl."""
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


def draw_curves(path: Path, rows: Sequence[dict], *, title: str) -> None:
    """Loss and validation scores against the step, as a PNG.

    Args:
      path: file to write.
      rows: dicts with "step" and any of "loss", "psnr_y" (dB), "ssim_wang".
      title: above the plot.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 7), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True)
    losses = [(row["step"], row["loss"]) for row in rows if "loss" in row]
    if losses:
        steps, values = np.array(losses).T
        top.plot(steps, values, color="0.8", linewidth=0.8, label="per dispatch")
        window = max(1, len(values) // 50)
        if window > 1:
            smooth = np.convolve(values, np.ones(window) / window, mode="valid")
            top.plot(steps[window - 1 :], smooth, color="C0", label=f"mean of {window}")
            top.legend()
        top.set_yscale("log")
    top.set_ylabel("training loss on [−1, 1]")
    top.set_title(title)
    scores = [(row["step"], row["psnr_y"]) for row in rows if "psnr_y" in row]
    if scores:
        steps, values = np.array(scores).T
        bottom.plot(steps, values, "o-", color="C1", markersize=4)
        bottom.annotate(
            f"{values[-1]:.2f} dB", (steps[-1], values[-1]), textcoords="offset points", xytext=(0, -14), ha="right"
        )
    bottom.set_ylabel("validation PSNR-Y (dB)")
    bottom.set_xlabel("step")
    for axis in (top, bottom):
        axis.grid(alpha=0.3)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110)


def strip(rows: Sequence[tuple[str, Sequence[np.ndarray]]], *, title: str) -> np.ndarray:
    """Rows of crops under one another, each row named at its left.

    Args:
      rows: (name, crops), every crop uint8 [s, s, 3] of one size, every row of one length.
      title: above them.

    Returns:
      uint8 [H, W, 3].
    """
    side, gap, margin, head = rows[0][1][0].shape[0], 4, 110, 34
    width = margin + len(rows[0][1]) * (side + gap)
    image = Image.new("RGB", (width, head + len(rows) * (side + gap)), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(18)
    draw.text((8, 7), title, fill="black", font=font)
    for i, (name, crops) in enumerate(rows):
        top = head + i * (side + gap)
        draw.multiline_text((8, top + side // 2 - 20), name, fill="black", font=font)
        for j, crop in enumerate(crops):
            image.paste(Image.fromarray(crop), (margin + j * (side + gap), top))
    return np.asarray(image)
