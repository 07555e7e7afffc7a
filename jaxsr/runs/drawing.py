"""Pictures of a run: its curves, strips of the same crops at each validation, and its training pairs."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from jaxsr.data.degradation import Degrade
from jaxsr.files import replacing
from jaxsr.imaging.color import uint8_from_unit, unit_from_signed
from jaxsr.imaging.photo import save_image
from jaxsr.imaging.resize import resize_uint8

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Training and validation losses share their axes, so that overfitting shows: one falls, and the other rises.
_LOSSES = ("loss", "validation_loss", "content", "weighted_adversarial", "pixel", "validation_pixel", "discriminator")
_LABELS = {"loss": "training loss"}
PANELS = (
    ("loss", _LOSSES, "log"),
    ("content : weighted adversarial", ("content_ratio",), "log"),
    ("discriminator's accuracy", ("accuracy_real", "accuracy_fake"), "linear"),
    ("gradient norm", ("gradient_norm", "discriminator_gradient_norm"), "log"),
    ("validation PSNR-Y (dB)", ("psnr_y",), "linear"),
    ("validation SSIM (Wang)", ("ssim_wang",), "linear"),
    ("validation LPIPS-Alex (lower is better)", ("lpips_alex",), "linear"),
)
# Training pairs in a row of their picture, and its rows of pairs.
COLUMNS, ROWS = 10, 3


def draw_curves(path: Path, rows: Sequence[dict[str, Any]], *, title: str) -> None:
    """Write `curves` as a PNG. The arguments are those of `curves`."""
    with replacing(path) as temporary:
        curves(rows, title=title).savefig(temporary, dpi=100)


def curves(rows: Sequence[dict[str, Any]], *, title: str) -> "Figure":
    """Plot losses and validation scores against the step.

    Args:
      rows: dicts with "step" and any of the values in `PANELS`. Panels without values are left out. So are curves
        without a value that their axis can show: a logarithmic axis shows no zeros.
      title: shown above the plot.
    """
    from matplotlib.figure import Figure

    shown = {name: curve for _, names, scale in PANELS for name in names if (curve := _curve(rows, name, scale))}
    panels = [panel for panel in PANELS if set(panel[1]) & shown.keys()] or [PANELS[0]]
    across = 2 if len(panels) > 2 else 1
    lines = -(-len(panels) // across)
    figure = Figure(figsize=(6.5 * across, 1 + 3 * lines), layout="constrained")
    axes = figure.subplots(lines, across, squeeze=False, sharex=True).T.ravel()
    for axis, (label, names, scale) in zip(axes, panels, strict=False):
        for color, name in enumerate(name for name in names if name in shown):
            _draw_curve(axis, *shown[name], name=_LABELS.get(name, name.replace("_", " ")), color=f"C{color}")
        axis.set(ylabel=label, xlabel="step", yscale=scale)
        # Shared axes number the lowest one alone, which may have no panel.
        axis.tick_params(labelbottom=True)
        axis.grid(alpha=0.3)
        if axis.lines:
            # Above the axes it hides no curve, and the last values in it do not overlap. Two long entries side by side
            # would be wider than the axes.
            columns = 2 if max(len(line.get_label()) for line in axis.lines) < 44 else 1
            place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": columns, "borderaxespad": 0.2}
            axis.legend(**place, frameon=False, fontsize="small", handlelength=1.2, columnspacing=1.0)
    for axis in axes[len(panels) :]:
        axis.remove()
    figure.suptitle(title)
    return figure


def _curve(rows, name, scale):
    """Steps and values of the rows that can be shown, or None if there are none."""
    points = [(row["step"], row[name]) for row in rows if name in row and (scale == "linear" or row[name] > 0)]
    return tuple(map(np.array, zip(*points, strict=True))) if points else None


def _draw_curve(axis, steps, values, *, name, color):
    window = len(values) // 50
    if window > 1:
        axis.plot(steps, values, color=color, linewidth=0.6, alpha=0.2)
        smooth = np.convolve(values, np.ones(window) / window, mode="valid")
        label = f"{name}, mean of {window}: {smooth[-1]:.4g}"
        axis.plot(steps[window - 1 :], smooth, color=color, label=label)
        return
    lowest = f" (lowest: {steps[values.argmin()]})" if name.startswith("validation") else ""
    axis.plot(steps, values, "o-", color=color, markersize=4, label=f"{name}: {values[-1]:.4g}{lowest}")


def strip(rows: Sequence[tuple[str, Sequence[np.ndarray]]], *, title: str) -> np.ndarray:
    """Draw rows of crops under one another, with the name of each row at its left.

    Args:
      rows: (name, crops). All crops are uint8 [s, s, 3] of one size, and all rows have one length.
      title: shown above the rows.

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


def draw_degraded(path: Path, degrade: Degrade, crops: np.ndarray, *, scale: int, degradation: str) -> None:
    """Write a PNG of training pairs: LR, enlarged with the nearest neighbour, above HR.

    Args:
      path: file to write.
      degrade: from `jaxsr.data.degradation.make_degradation`.
      crops: uint8 [B, S, S, 3]. They are degraded again until the picture is full.
      scale: factor between LR and HR.
      degradation: its name, for the title.
    """
    rows, degrade = [], jax.jit(degrade)
    for number in range(ROWS):
        chosen = np.take(crops, range(number * COLUMNS, (number + 1) * COLUMNS), axis=0, mode="wrap")
        low, high = degrade(jax.random.key(number), chosen)
        low, high = (np.asarray(uint8_from_unit(images)) for images in (low, unit_from_signed(high)))
        rows.append(("LR\n(nearest)", [resize_uint8(image, scale, kernel="nearest") for image in low]))
        rows.append(("HR", list(high)))
    save_image(path, strip(rows, title=f"crops as the network sees them: --degradation {degradation}"))
