"""The models that the page offers, and their upscalers."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from jaxsr.errors import InputError
from jaxsr.upscaling import load
from jaxsr.upscaling.upscaler import AnyUpscaler
from jaxsr.weights.store import bundled_names

# The page's names for the two kinds of `auto`, and whether each is sharp.
KINDS_OF_AUTO = {"auto": False, "auto, sharp": True}


@dataclass(frozen=True)
class Offer:
    """A model as the page lists it.

    Attributes:
      name: name that the page shows and sends.
      source: argument of `jaxsr.load`.
      scale: output pixels per input pixel on both axes.
      has_strength: whether the model has a strength.
    """

    name: str
    source: str
    scale: int
    has_strength: bool


def default_models() -> list[str]:
    """The automatic choices, faithful and sharp; all bundled networks; and bicubic for comparison."""
    return [*KINDS_OF_AUTO, *sorted(bundled_names(), key=lambda name: (name != "srresnet", name)), "bicubic"]


def offered(sources: Sequence[str | os.PathLike]) -> dict[str, Offer]:
    """The offers by their names on the page, in the order given.

    Args:
      sources: bundled names, interpolations, weights files or folders of runs.

    Raises:
      InputError: a model cannot be loaded, two would have the same name, or none is given.
    """
    offers = {}
    for source in map(str, sources):
        upscaler = upscaler_of(source, None)
        name = source if source in KINDS_OF_AUTO else upscaler.name
        if name in offers:
            raise InputError(f"--models: {offers[name].source} and {source} would both be called {name}; rename one")
        offers[name] = Offer(name, source, int(upscaler.scale), _has_strength(source))
    if not offers:
        raise InputError("--models: name at least one model")
    return offers


# Only a few, since each holds its weights and its compiled program.
@lru_cache(maxsize=4)
def upscaler_of(source: str, strength: float | None) -> AnyUpscaler:
    """`jaxsr.load` with a cache, so that a second picture starts without compiling again."""
    if source in KINDS_OF_AUTO:
        return load(sharp=KINDS_OF_AUTO[source])
    return load(source, strength=strength)


def _has_strength(source):
    if source in KINDS_OF_AUTO:
        return False
    try:
        load(source, strength=1.0)
    except InputError:
        return False
    return True
