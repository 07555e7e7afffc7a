"""Weights files: safetensors with a model card, and the weights that ship with the package.

Start with `store.py`. `opening.py` also takes other programs' files, by the tables of names in `layouts.py`.
"""

from jaxsr.weights.architecture import architecture, build_model
from jaxsr.weights.store import Weights, bundled_names, load_weights, save_weights

__all__ = ["Weights", "architecture", "build_model", "bundled_names", "load_weights", "save_weights"]
