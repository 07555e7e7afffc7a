"""Faults of an adversarial run, recognised in its log."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxsr.errors import InputError

RATIO_BAND = (2.0, 60.0)
RATIO_WINDOW = 100
SATURATED, SATURATED_FOR = 0.999, 1000
WORSE_VALIDATIONS, HOPELESS_VALIDATIONS = 3, 10


def adversarial_warnings(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The faults of an adversarial run at its last logged step; {} if there are none.

    Args:
      rows: the log, dicts with "step" and any of "content_ratio", "accuracy_real", "accuracy_fake", "lpips_alex".

    Returns:
      {kind: sentence to show}. The kinds are

      - "ratio": over the last 100 steps, the median of content : weighted adversarial loss is outside `RATIO_BAND`,
      - "saturated": over the last 1,000 steps, the discriminator judged more than 99.9 % of real and of fake crops
        correctly,
      - "worse": three validations brought no new best LPIPS, and the last one is above the starting network's.

    Raises:
      InputError: LPIPS was above the starting network's in ten validations in a row, so more steps will not help.
    """
    found = {}
    ratios = _last(rows, "content_ratio", RATIO_WINDOW)
    if len(ratios) and not RATIO_BAND[0] <= np.median(ratios) <= RATIO_BAND[1]:
        cure = "raise" if np.median(ratios) < RATIO_BAND[0] else "lower"
        found["ratio"] = (
            f"content : weighted adversarial loss is {np.median(ratios):.1f} over the last {RATIO_WINDOW} steps, "
            f"outside {RATIO_BAND[0]:g} to {RATIO_BAND[1]:g};"
            f" {cure} --content-ratio (or --feature-scale, where it is set)"
        )
    accuracies = [_last(rows, f"accuracy_{kind}", SATURATED_FOR) for kind in ("real", "fake")]
    if all(len(values) and values.mean() > SATURATED for values in accuracies):
        found["saturated"] = (
            f"the discriminator judged more than {SATURATED:.1%} of the crops of {SATURATED_FOR} steps correctly and "
            "teaches the generator nothing; lower --discriminator-learning-rate or set --label-smoothing 0.1"
        )
    scores = [row["lpips_alex"] for row in rows if "lpips_alex" in row]
    since_best = len(scores) - 1 - int(np.argmin(scores)) if scores else 0
    if since_best >= WORSE_VALIDATIONS and scores[-1] > scores[0]:
        found["worse"] = (
            f"LPIPS has not improved in {since_best} validations and is worse than at the start ({scores[-1]:.3f}, "
            f"{scores[0]:.3f}); raise --content-ratio or lower --learning-rate (best.safetensors keeps the best)"
        )
    if len(scores) > HOPELESS_VALIDATIONS and min(scores[-HOPELESS_VALIDATIONS:]) > scores[0]:
        raise InputError(
            f"LPIPS was worse than at the start in {HOPELESS_VALIDATIONS} validations in a row ({scores[-1]:.3f}, "
            f"{scores[0]:.3f} at the start), so the run ends; raise --content-ratio or lower --learning-rate, in "
            "another --workdir"
        )
    return found


def _last(rows, name, steps):
    """Values of the last `steps` steps; none while the log is shorter."""
    if not rows or rows[-1]["step"] < steps:
        return np.array([])
    return np.array([row[name] for row in rows if name in row and row["step"] > rows[-1]["step"] - steps])
