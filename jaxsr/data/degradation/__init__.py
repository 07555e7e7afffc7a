"""Degradations of real photos, batched and inside the compiled training step: crops in, training pairs out.

Start with `pairs.py`. `recipes.py` has the ranges from which `draws.py` draws.
"""

from jaxsr.data.degradation.pairs import RECIPE_NAMES, Degrade, make_degradation, make_paired, margin

__all__ = ["RECIPE_NAMES", "Degrade", "make_degradation", "make_paired", "margin"]
