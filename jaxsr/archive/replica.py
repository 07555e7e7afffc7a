"""One copy of the network in a process of the cluster, which upscales one picture after another."""

import os
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from jaxsr.archive.scratch import joined
from jaxsr.archive.store import exists, open_store
from jaxsr.archive.transfer import fetch, put
from jaxsr.upscaling import load
from jaxsr.upscaling.choice import Choice
from jaxsr.upscaling.compiled import keep_compiled
from jaxsr.upscaling.engine import INTERPOLATIONS
from jaxsr.upscaling.existing import Existing
from jaxsr.upscaling.files import file_stages
from jaxsr.upscaling.loading import AUTOMATIC
from jaxsr.upscaling.outcome import is_disk_full, timed, why_failed
from jaxsr.upscaling.pictures import megapixels
from jaxsr.upscaling.size import parse_size
from jaxsr.weights import bundled_names


@dataclass(frozen=True)
class Settings:
    """Settings of all replicas.

    Attributes:
      source: the folder of pictures, a URI or an absolute path.
      destination: the folder of results, a URI or an absolute path.
      model: see `jaxsr.load`. A path must be valid on all machines.
      options: keyword arguments of `jaxsr.load`.
      size: see `jaxsr.upscaling.size.parse_size`.
      existing: what to do with results that exist.
      cache: keep compiled programs.
      first_frame: upscale only the first picture of an animation or of several pages.
      scratch: see `jaxsr.archive.scratch.joined`.
    """

    source: str
    destination: str
    model: str
    options: dict[str, Any]
    size: str | None
    existing: Existing
    cache: bool
    first_frame: bool = False
    scratch: str | None = None


@dataclass(frozen=True)
class Answer:
    """What became of a picture, as a replica says it.

    Attributes:
      status, reason, seconds: see `jaxsr.upscaling.outcome.Outcome`.
      megapixels: of the picture; None if unknown.
      disk_full: whether it failed because the disk is full.
      choice: the network that was chosen for it, and the reason; None if the network was named.
    """

    status: Literal["done", "skipped", "failed"]
    reason: str
    seconds: float = 0.0
    megapixels: float | None = None
    disk_full: bool = False
    choice: Choice | None = None


def absolute_model(name: str) -> str:
    """The name of a model, or the absolute path of a model's file, for processes in other folders."""
    known = name in (AUTOMATIC, *bundled_names(), *INTERPOLATIONS)
    return name if known or not os.path.exists(name) else os.path.abspath(name)


class Replica:
    """Upscales pictures. Up to three threads can call it: while the network computes, one reads and one writes.

    Raises:
      InputError: see `jaxsr.load`.
    """

    def __init__(self, settings: Settings):
        if settings.cache:
            keep_compiled()
        self._source, self._destination = open_store(settings.source), open_store(settings.destination)
        self._overwrite = settings.existing == "replace"
        self._scratch = joined(settings.scratch)
        upscaler = load(settings.model, **settings.options)
        size = parse_size(settings.size, scale=settings.options.get("scale"))
        self._stages = file_stages(upscaler, size=size, first_frame=settings.first_frame)
        self._reading, self._computing, self._writing = (threading.Lock() for _ in range(3))

    def __call__(self, places: tuple[str, str]) -> Answer:
        """Upscale one picture, by the places of source and target."""
        source, target = map(Path, places)
        times, size, full, choice = [], None, False, None
        with tempfile.TemporaryDirectory(prefix="jaxsr-archive-", dir=self._scratch) as scratch:
            local = _here(self._source, source, Path(scratch, "source"))
            result = _here(self._destination, target, Path(scratch, "result"))
            try:
                # Another run wrote it, or a replica of this run that died before it could report it.
                if not self._overwrite and exists(self._destination, target):
                    status, reason = "skipped", "written meanwhile"
                else:
                    with timed(self._reading, times):
                        if self._source.remote is not None:
                            local.parent.mkdir()
                            fetch(self._source, source, local)
                        size = megapixels(local)
                        opened = self._stages.read(local)
                        choice = opened.choice
                    with timed(self._computing, times):
                        computed = self._stages.compute(opened, result, None)
                    with timed(self._writing, times):
                        self._stages.write(computed, result)
                        if self._destination.remote is not None:
                            put(self._destination, result, target)
                    status, reason = "done", ""
            # An error in one picture must not stop the others.
            except Exception as error:
                status, reason, full = "failed", why_failed(error, local), is_disk_full(error)
                for path, label in ((local, self._source.label(source)), (result, self._destination.label(target))):
                    reason = reason.replace(str(path), str(label))
        return Answer(status, reason, sum(times), size, full, choice)


def _here(store, place, folder):
    """The path of a store's file on this machine, or the path to which it will be copied."""
    return Path(store.path(place)) if store.remote is None else folder / place.name
