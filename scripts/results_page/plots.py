"""The plots on the page of results."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from jaxsr.files import replacing


def draw_runs(path: Path, runs: Mapping[str, dict[str, Any]]) -> None:
    """Plot PSNR-Y on validation photos against updates, and LPIPS if it was measured, with one panel per run.

    Args:
      path: PNG to write.
      runs: {name: {"title", "scores": [{"step", "psnr_y", …}], "reference": {title: [[step, dB], …]}}}; "reference"
        is optional.
    """
    lines, columns = -(-len(runs) // 2), 2
    figure = Figure(figsize=(6.5 * columns, 4.2 * lines), layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    for axis, run in zip(axes, runs.values(), strict=False):
        steps, psnr = np.array([(row["step"], row["psnr_y"]) for row in run["scores"]]).T
        axis.plot(steps, psnr, "o-", markersize=4, color="C0", label="jaxsr")
        for number, (title, points) in enumerate(run.get("reference", {}).items()):
            axis.plot(*np.array(points).T, "s--", markersize=4, color=f"C{number + 1}", label=title)
        lpips = [(row["step"], row["lpips_alex"]) for row in run["scores"] if "lpips_alex" in row]
        axis.set(title=run["title"], xlabel="updates", ylabel="PSNR-Y (dB)")
        axis.grid(alpha=0.3)
        if lpips:
            other = axis.twinx()
            other.plot(*np.array(lpips).T, "v-", markersize=4, color="C3")
            other.set_ylabel("LPIPS-Alex (lower is better)", color="C3")
        if run.get("reference"):
            axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2, fontsize="small")
    for axis in axes[len(runs) :]:
        axis.remove()
    _save(figure, path)


def slope(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Fit a line to PSNR-Y of the two longest runs over log₁₀(crops); return dB per tenfold crops, and dB at one crop.

    Args:
      points: (crops that a run saw, PSNR-Y at its end), the shortest run first.
    """
    crops, psnr = np.array(points[-2:], float).T
    rise, start = np.polyfit(np.log10(crops), psnr, 1)
    return float(rise), float(start)


def draw_budgets(path: Path, budgets: Mapping[str, Sequence[tuple[int, float]]], *, until: int) -> None:
    """Plot PSNR-Y against the crops that whole runs saw, and extrapolate the lines through the two longest, dashed.

    Args:
      path: PNG to write.
      budgets: {network: [(crops that a run saw, PSNR-Y at its end), …]}, the shortest run first.
      until: number of crops that the dashed lines reach.
    """
    figure = Figure(figsize=(8, 5), layout="constrained")
    axis = figure.subplots()
    for color, (network, points) in enumerate(budgets.items()):
        crops, psnr = np.array(points).T
        rise, start = slope(points)
        label = f"{network}: measured, {rise:.2f} dB per tenfold crops at the end"
        axis.plot(crops, psnr, "o-", color=f"C{color}", label=label)
        ends = np.array([crops.max(), until])
        axis.plot(ends, start + rise * np.log10(ends), "--", color=f"C{color}", label="extrapolated")
        axis.annotate(f"{start + rise * np.log10(until):.1f}", (until, start + rise * np.log10(until)), va="bottom")
    axis.set(xscale="log", xlabel="crops that a whole run saw", ylabel="PSNR-Y on Set5 (dB)")
    axis.set_title("Budget against quality; the dashed part is an extrapolation, not a measurement")
    axis.grid(alpha=0.3, which="both")
    axis.legend(loc="lower right")
    _save(figure, path)


def draw_twins(path: Path, ours: Sequence[float], theirs: Sequence[float]) -> None:
    """Plot the losses of the same run in two programs in one panel, and their relative difference below.

    Args:
      path: PNG to write.
      ours: our loss at each update.
      theirs: PyTorch's loss at each update.
    """
    figure = Figure(figsize=(8, 6), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    steps = np.arange(1, len(ours) + 1)
    top.plot(steps, theirs, color="C1", linewidth=3, alpha=0.5, label="PyTorch")
    top.plot(steps, ours, color="C0", linewidth=0.8, label="jaxsr")
    top.set(yscale="log", ylabel="loss", title="One SRResNet, trained here and in PyTorch")
    top.legend()
    difference = np.abs(np.divide(ours, theirs) - 1)
    bottom.plot(steps, np.maximum(difference, 1e-9), color="C2", linewidth=0.8)
    bottom.set(yscale="log", xlabel="update", ylabel="relative difference")
    for axis in (top, bottom):
        axis.grid(alpha=0.3)
    _save(figure, path)


def _save(figure, path):
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=100)
