"""Loads upscalers by name or path."""

import contextlib
import math
import os
from dataclasses import replace
from functools import cache, partial
from typing import Any

import jax.numpy as jnp

from jaxsr.errors import InputError
from jaxsr.upscaling.choice import FAITHFUL, SHARP, Choice, of_scale
from jaxsr.upscaling.engine import INTERPOLATIONS, Interpolation, interpolation_strips, make_network_strips
from jaxsr.upscaling.refinement import Refinement
from jaxsr.upscaling.upscaler import AutomaticUpscaler, Upscaler
from jaxsr.weights.lineage import find_base, interpolated
from jaxsr.weights.opening import open_weights, short_name

AUTOMATIC = "auto"


def load(
    name_or_path: str | os.PathLike = AUTOMATIC,
    *,
    sharp: bool = False,
    scale: float | None = None,
    strength: float | None = None,
    base: str | os.PathLike | None = None,
    **options: Any,
) -> AutomaticUpscaler | Upscaler:
    """Load an upscaler.

    Args:
      name_or_path: "auto" to choose the bundled network that fits each picture (see `jaxsr.upscaling.choice.choose`).
        Or any argument of `jaxsr.upscaling.loading.load_named`: a bundled network ("srresnet", …), a weights file, the
        folder of a training run, or "nearest", "bilinear" or "bicubic".
      sharp: with "auto", choose an SRGAN, which is sharper and invents details. Giving `strength` has the same effect.
      scale: see `load_named`. With "srresnet", and where "auto" chooses it, the bundled network of that scale is used:
        "srresnet_x2" up to 2.
      strength: see `load_named`.
      base: see `load_named`; not with "auto".
      options: further options of `load_named`: dtype, tile, self_ensemble, color_lock and back_project.

    Raises:
      InputError: see `load_named`; or `sharp` is given with a named network, or `base` with "auto".
    """
    options |= {"scale": scale, "strength": strength}
    if name_or_path != AUTOMATIC:
        if sharp:
            raise InputError(f"sharp (--sharp) is for the model auto: leave out either it or the model {name_or_path}")
        if isinstance(name_or_path, str) and scale is not None:
            name = of_scale(name_or_path, scale)
            if name != name_or_path:
                choice = Choice(name, f"{name_or_path} for ×{scale:g}")
                return replace(load_named(name, base=base, **options), choice=choice)
        return load_named(name_or_path, base=base, **options)
    if base is not None:
        raise InputError("base (--base) needs a named network: give its SRGAN as the model too")
    sharp = sharp or strength is not None
    opened = cache(lambda name: load_named(name, **options))
    # Wrong options are refused now, not at the first picture.
    clean = opened((SHARP if sharp else FAITHFUL)[0])
    return AutomaticUpscaler(AUTOMATIC, clean.scale, {}, opened, sharp)


def load_named(
    name_or_path: str | os.PathLike,
    *,
    dtype: Any = jnp.float32,
    tile: int | None = None,
    scale: float | None = None,
    strength: float | None = None,
    base: str | os.PathLike | None = None,
    self_ensemble: bool = False,
    color_lock: bool = False,
    back_project: int = 0,
) -> Upscaler:
    """Load an upscaler by name or path.

    Args:
      name_or_path: a bundled network ("srresnet", …), a .safetensors file, the folder of a training run, or a .pth,
        .safetensors or .param file of another program (see `jaxsr.weights.opening`); or "nearest", "bilinear" or
        "bicubic".
      dtype: dtype of the network's computation, float32 or bfloat16.
      tile: side in input pixels of the tiles that larger images are divided into, which bounds the memory; None to
        choose it by the free memory.
      scale: output pixels per input pixel on both axes; None for the network's own (4 for an interpolation). For any
        other scale the network's result is resized by bicubic interpolation, as is the ×4 of an interpolation that is
        back-projected.
      strength: strength of an SRGAN, from 0 (faithful: the SRResNet that it was trained from) to 1 (sharp: the SRGAN
        itself). Parameters and batch statistics are interpolated between the two.
      base: that SRResNet, by name, file or run; None to find it by the SRGAN's card.
      self_ensemble: average over the 8 flips and turns of the picture; this takes eight times the work.
      color_lock: replace the low frequencies of the result by those of the input, against colour shifts.
      back_project: iterations that bring the bicubic reduction of the result closer to the input; 0 for none.

    Raises:
      InputError: the weights do not exist or are not a weights file of this version; the dtype is another; the tile is
        too small for the network; the scale is not above 0; the strength is outside [0, 1] or the network has no
        ancestor; `base` is given without `strength`; or any of strength, base, self_ensemble and color_lock is given
        for an interpolation.
    """
    refinement = Refinement(self_ensemble, color_lock, back_project)
    if scale is not None and not (math.isfinite(scale) and scale > 0):
        raise InputError(f"scale {scale}: must be above 0")
    dtype = _checked_dtype(dtype)
    if isinstance(name_or_path, str) and name_or_path in INTERPOLATIONS:
        if self_ensemble or color_lock or strength is not None or base is not None:
            raise InputError(
                f"{name_or_path} is an interpolation: strength, base, self-ensemble and color-lock are for networks"
            )
        strips, name = partial(interpolation_strips, name_or_path), name_or_path
        if back_project:
            strips, _ = make_network_strips(Interpolation(name_or_path), {}, refinement, tile=tile)
            name = f"{name}, back-project {back_project}"
        return Upscaler(name, 4 if scale is None else scale, {}, "interpolation", strips)
    weights = open_weights(name_or_path, dtype=dtype)
    if base is not None and strength is None:
        raise InputError("base is the network of strength 0: give strength too")
    if strength is not None:
        weights = interpolated(find_base(weights, name_or_path, base=base), weights, strength)
    model = weights.model
    strips, tile = make_network_strips(model, weights.variables, refinement, tile=tile)
    fields = ", ".join(f"{field}={value}" for field, value in weights.card["architecture"]["fields"].items())
    kind = f"{type(model).__name__}({fields}) in {dtype.name}, tile {tile}"
    options = {"self ensemble": self_ensemble, "color lock": color_lock, f"back-project {back_project}": back_project}
    applied = [] if strength is None else [f"strength {strength:g}"]
    name = ", ".join([short_name(name_or_path), *applied, *(option for option, given in options.items() if given)])
    return Upscaler(name, model.scale if scale is None else scale, weights.card, kind, strips)


def _checked_dtype(dtype):
    """The dtype as NumPy's, or a refusal: networks do run with integers, but compute nonsense."""
    with contextlib.suppress(TypeError):
        known = jnp.dtype(dtype)
        if known in (jnp.float32, jnp.bfloat16):
            return known
    raise InputError(f"dtype {dtype}: must be float32 or bfloat16")
