"""Degradations of real photos, batched and inside the compiled training step: crops in, training pairs out.

Start with `pairs.py`. `draws.py` draws from the ranges in `ranges.py`.
"""

from jaxsr.data.degradation.pairs import DEGRADATIONS, Degrade, make_degradation, make_paired, margin

__all__ = ["DEGRADATIONS", "Degrade", "make_degradation", "make_paired", "margin"]
