"""Weights files: safetensors with a model card, and the weights that ship with the package."""

from jaxsr.weights.architecture import architecture, build_model
from jaxsr.weights.store import Weights, bundled_names, load_weights, save_weights

__all__ = ["Weights", "architecture", "build_model", "bundled_names", "load_weights", "save_weights"]
