"""Convolutions and products of the networks, computed in the way that is fastest on the processor.

A network writes `Convolution(...)` and needs nothing else from here. `choice.py` says what runs where, and why.
"""

from jaxsr.kernels.choice import program_kind
from jaxsr.kernels.dense import dense_product
from jaxsr.kernels.layer import Convolution, torch_uniform

__all__ = ["Convolution", "dense_product", "program_kind", "torch_uniform"]
