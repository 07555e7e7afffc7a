"""The flag --kernels, shared by the commands that run networks."""

import os
from typing import Literal

Kernels = Literal["auto", "xla"]


def use_kernels(kernels: Kernels | None) -> None:
    """Set JAXSR_KERNELS for this process and the processes that it starts. None leaves it unchanged.

    Raises:
      InputError: the variable has an unknown value.
    """
    if kernels is not None:
        os.environ["JAXSR_KERNELS"] = kernels
    # Imported after the variable is set, because oneDNN's availability is decided at import.
    from jaxsr.kernels.choice import setting

    setting()
