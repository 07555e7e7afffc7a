"""Degradations of real photos, batched and inside the compiled training step: crops in, training pairs out."""

from jaxsr.data.degradation.pairs import RECIPE_NAMES, Degrade, make_degradation, make_paired, margin

__all__ = ["RECIPE_NAMES", "Degrade", "make_degradation", "make_paired", "margin"]
