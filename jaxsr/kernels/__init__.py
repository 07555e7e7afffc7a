"""Convolutions and products of the networks, computed by what is fastest on the processor.

Networks use `Convolution` (`layer.py`), and `dense_product` for large dense layers. `choice.py` is the table of what
runs where, and why.
"""

from jaxsr.kernels.choice import program_kind
from jaxsr.kernels.dense import dense_product
from jaxsr.kernels.layer import Convolution, torch_uniform

__all__ = ["Convolution", "dense_product", "program_kind", "torch_uniform"]
