"""A run's folder: held by one process at a time, and by one configuration for good."""

import contextlib
import dataclasses
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from jaxsr.config import TrainConfig
from jaxsr.errors import InputError
from jaxsr.files import replacing

# What may change between a run and its continuation without changing the result.
_FREE = {"workdir", "resume", "cache", "used", "checkpoint_every", "validate_every", "early_stop"}


@contextlib.contextmanager
def held(workdir: str | Path) -> Iterator[Path]:
    """Create the folder if need be and hold it; the hold ends with the process, however that ends.

    Raises:
      InputError: another process holds it, or there is a file of that name.
    """
    path = Path(workdir)
    if path.exists() and not path.is_dir():
        raise InputError(f"--workdir {path} is a file; name a folder")
    path.mkdir(parents=True, exist_ok=True)
    with (path / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"--workdir {path} is in use by another run; wait for it or name another folder") from None
        yield path


def recorded_run(workdir: Path) -> dict | None:
    """What `claim` wrote for the run in this folder, or None where no run has reached its first checkpoint."""
    path = workdir / "config.json"
    # A start that failed before its first checkpoint has claimed nothing.
    if path.exists() and any((workdir / "checkpoints").glob("[0-9]*")):
        return json.loads(path.read_text())
    return None


def claim(workdir: Path, config: TrainConfig, photos: dict, *, used: dict | None = None) -> None:
    """Write what this run is made of into `config.json`, or check that it is what an earlier start wrote there.

    Args:
      workdir: the held folder.
      config: with `resume` off, an earlier run in the folder is removed first.
      photos: anything JSON that tells the training photos apart from others: {"count", "fingerprint"}.
      used: what was measured or chosen at the start and is kept when the run goes on.

    Raises:
      InputError: the folder belongs to a run with other settings or photos; the message shows the difference.
    """
    if not config.resume:
        for name in ("checkpoints", "tensorboard", "strips"):
            shutil.rmtree(workdir / name, ignore_errors=True)
        for name in (
            "config.json",
            "metrics.jsonl",
            "curves.png",
            "best.safetensors",
            "last.safetensors",
            "start.safetensors",
        ):
            (workdir / name).unlink(missing_ok=True)
    mine = json.loads(json.dumps(dataclasses.asdict(config) | {"photos": photos, "used": used or {}}))
    theirs = recorded_run(workdir)
    if theirs is not None:
        # A run of before a flag came has what is now its default.
        theirs = dataclasses.asdict(TrainConfig()) | theirs
    if theirs is None:
        with replacing(workdir / "config.json") as temporary:
            temporary.write_text(json.dumps(mine, indent=2) + "\n")
        return
    differing = [key for key in mine if key not in _FREE and mine[key] != theirs.get(key)]
    if differing:
        shown = "; ".join(f"{key}: {theirs.get(key)} there, {mine[key]} here" for key in differing)
        raise InputError(
            f"--workdir {workdir} belongs to a run with other settings ({shown}); give the same settings, "
            "another --workdir, or --no-resume to remove that run"
        )


def await_claim(workdir: Path, *, seconds: float = 60.0) -> None:
    """Wait until what another process wrote by `claim` is seen here; network file systems take their time.

    Raises:
      InputError: it is not seen.
    """
    deadline = time.monotonic() + seconds
    while not (workdir.is_dir() and "config.json" in os.listdir(workdir)):
        if time.monotonic() > deadline:
            raise InputError(f"--workdir {workdir} is not the same folder on all machines; name one that they share")
        time.sleep(0.2)
