"""The models that the page offers, and the upscalers made of them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from jaxsr.errors import InputError
from jaxsr.upscaling import AutomaticUpscaler, Upscaler, load
from jaxsr.weights.store import bundled_names

# What the page calls the two kinds of `auto`, and whether they are sharp.
AUTOMATIC = {"auto": False, "auto, sharp": True}


@dataclass(frozen=True)
class Offer:
    """A model as the page lists it.

    Attributes:
      name: what the page shows and sends.
      source: what `jaxsr.load` is given.
      scale: output pixels per input pixel on both axes.
      strength: whether it has a strength.
    """

    name: str
    source: str
    scale: int
    strength: bool


def default_models() -> list[str]:
    """The network that fits a picture, faithful or sharp, all bundled ones by name, and bicubic to compare with."""
    return [*AUTOMATIC, *sorted(bundled_names(), key=lambda name: (name != "srresnet", name)), "bicubic"]


def offered(sources: Sequence[str | os.PathLike]) -> dict[str, Offer]:
    """The models by the name that they get on the page, in the order given.

    Args:
      sources: bundled names, interpolations, weights files or folders of runs.

    Raises:
      InputError: one cannot be loaded, two would have the same name, or none is given.
    """
    offers = {}
    for source in map(str, sources):
        upscaler = upscaler_of(source, None)
        name = Path(source).name.removesuffix(".safetensors")
        if name in offers:
            raise InputError(f"--models: {offers[name].source} and {source} would both be called {name}; rename one")
        offers[name] = Offer(name, source, upscaler.scale, _has_strength(source))
    if not offers:
        raise InputError("--models: name at least one model")
    return offers


# A few, since each holds its weights and its compiled program.
@lru_cache(maxsize=4)
def upscaler_of(source: str, strength: float | None) -> Upscaler | AutomaticUpscaler:
    """`jaxsr.load`, remembered: a second picture starts without compiling again."""
    if source in AUTOMATIC:
        return load(sharp=AUTOMATIC[source])
    return load(source, strength=strength)


def _has_strength(source):
    if source in AUTOMATIC:
        return False
    try:
        load(source, strength=1.0)
    except InputError:
        return False
    return True
