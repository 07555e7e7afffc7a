"""The table of what computes a convolution and its gradients on a CPU. The first rule that applies is used.

Accelerators always use XLA's convolution. On CPUs the environment variable JAXSR_KERNELS decides:

- `auto`, the default, uses this table.
- `xla` uses XLA for everything.
- `untried` uses this table, even if oneDNN's calls were not tried with the installed jaxlib (`jaxsr.kernels.trial`).

The variable is read when a program is traced; whether it is `untried` is read once, when `jaxsr.kernels` is imported.
`docs/design/cpu-convolutions.md` has the measurements.
"""

import os
from collections.abc import Callable
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from jaxsr.errors import InputError
from jaxsr.kernels import onednn

VARIABLE = "JAXSR_KERNELS"
SETTINGS = ("auto", "xla", "untried")
Part = Literal["forward", "input gradient", "weight gradient"]
Method = Literal["xla", "turned xla", "onednn", "two kernels", "winograd", "phases", "products", "flat products"]


class Case(NamedTuple):
    """The properties of a convolution that the choice depends on.

    The dtypes are those of the images and of the result, "float32" or "bfloat16". `side` is the kernel's, `inputs` and
    `outputs` are channels, and `pixels` is the number of an image's. `may_tile` is `Convolution`'s.
    """

    dtype: str
    result: str
    side: int
    stride: int
    inputs: int
    outputs: int
    pixels: int
    may_tile: bool


class Rule(NamedTuple):
    """One row of the table: the method for a part, if it is available and worth its cost for a case.

    `why` names the cases and the reason, `gain` what was measured.
    """

    part: Part
    method: Method
    applies: Callable[[Case], bool]
    why: str
    gain: str = ""


def _onednn(case):
    return onednn.takes(case.dtype)


def _few(case, channels):
    # oneDNN is slower than XLA for fewer output channels in float32.
    return case.result == "float32" and channels < 16


def _tiles(case):
    """Whether Winograd's tiles are worth their cost."""
    few, many = sorted((case.inputs, case.outputs))
    return (
        case.may_tile
        and _onednn(case)
        # In bfloat16 the tiles' rounding would triple the error.
        and case.dtype == "float32"
        and (case.side, case.stride) == (3, 1)
        # With fewer channels the transforms, and their compilation, cost about what they save.
        and few >= 64
        and many >= 128
        # Larger images do not fit the caches. For smaller ones the kernel's transform costs what the tiles save.
        and 12**2 <= case.pixels <= 48**2
    )


RULES = (
    Rule(
        "forward",
        "two kernels",
        lambda case: case.result != case.dtype and onednn.AMX,
        "bfloat16 images and a float32 kernel (the last one) with AMX: it is the sum of two in bfloat16",
        "36 to 8.3 ms for the last convolution",
    ),
    Rule(
        "forward", "xla", lambda case: _few(case, case.outputs), "fewer than 16 outputs in float32", "31, oneDNN 83 ms"
    ),
    Rule(
        "forward", "winograd", _tiles, "3×3, 64 to 128 channels or more, 12 to 48 pixels a side", "SRGAN 1.74 to 1.57 s"
    ),
    Rule("forward", "onednn", _onednn, "XLA computes in float32 only, and slowly with AMX", "60 to 6.7 ms in bfloat16"),
    Rule("forward", "xla", lambda case: True, "oneDNN is not available"),
    Rule("input gradient", "winograd", _tiles, "as forward", "as forward"),
    Rule(
        "input gradient",
        "phases",
        lambda case: _onednn(case) and not _few(case, case.inputs) and case.side >= 2 * case.stride - 1,
        "one convolution of the gradient for each phase of the stride",
        "34 to 8 ms in bfloat16, stride 2",
    ),
    Rule("input gradient", "xla", lambda case: case.stride > 1, "strides that phases do not take"),
    Rule("input gradient", "turned xla", lambda case: True, "the kernel turned by 180°, as XLA does"),
    Rule(
        "weight gradient",
        "flat products",
        lambda case: case.dtype == "bfloat16" and _onednn(case) and case.side > 3 and case.stride == 1,
        "large kernels in bfloat16: shifting whole blocks of memory",
        "74 to 29 ms for the last convolution",
    ),
    Rule("weight gradient", "xla", lambda case: case.stride > 1 and not _onednn(case), "strides without oneDNN"),
    Rule(
        "weight gradient",
        "products",
        lambda case: True,
        "matrix products, by oneDNN or XLA",
        "3 to 5 times as fast at 48×48, 1 to 1.5 at 24×24",
    ),
)


def setting() -> str:
    """The value of JAXSR_KERNELS.

    Raises:
      InputError: the setting is unknown.
    """
    value = os.environ.get(VARIABLE) or "auto"
    if value not in SETTINGS:
        raise InputError(f"{VARIABLE}={value} is unknown: choose {', '.join(SETTINGS)}")
    return value


def case_of(x: jax.Array, kernel: jax.Array, stride: int, may_tile: bool) -> Case:
    """The case of images x [N, H, W, C] and a kernel [k, k, C, D], whose dtype is that of the result."""
    names = jnp.dtype(x.dtype).name, jnp.dtype(kernel.dtype).name
    return Case(*names, kernel.shape[0], stride, *kernel.shape[2:], x.shape[1] * x.shape[2], may_tile)


def chosen(part: Part, case: Case) -> Method:
    """The method of the first rule that applies to a case."""
    return next(rule.method for rule in RULES if rule.part == part and rule.applies(case))


def program_kind() -> list[str] | None:
    """What a compiled program depends on besides its code, on a CPU; None on accelerators.

    Programs of different kinds may make different exchanges. Processes that train together must have the same kind.
    """
    if jax.default_backend() != "cpu":
        return None
    if setting() == "xla":
        return ["XLA"]
    return [*sorted(onednn.DTYPES), *(["AMX"] if onednn.AMX else [])]
