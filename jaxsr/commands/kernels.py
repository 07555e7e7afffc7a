"""The flag --kernels of the commands that compute networks."""

import os
from typing import Literal

Kernels = Literal["auto", "xla"]


def use_kernels(kernels: Kernels | None) -> None:
    """Set JAXSR_KERNELS for this process and those it starts; None leaves it as it is."""
    if kernels is not None:
        os.environ["JAXSR_KERNELS"] = kernels
