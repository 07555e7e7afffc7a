"""A run's folder: held by one process at a time, and by one configuration for good."""

import contextlib
import dataclasses
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from jaxsr.config import TrainConfig
from jaxsr.errors import InputError
from jaxsr.files import replacing
from jaxsr.runs.checkpoint import DAMAGED
from jaxsr.runs.photos import Named, difference, summary

# What may change between a run and its continuation without changing the result. Photos are compared by contents.
_FREE = {"workdir", "resume", "cache", "used", "photos", "checkpoint_every", "validate_every", "early_stop"}
_FREE |= {"data", "validation", "validation_lr", "extend"}
# What may change with --extend.
_EXTENDED = {"steps", "batch_size", "learning_rate", "discriminator_learning_rate", "schedule", "warmup"}
_FILES = ("config.json", "photos.json", "metrics.jsonl", "curves.png")
_FILES += ("best.safetensors", "last.safetensors", "start.safetensors")


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
    if path.exists() and any(path.name.isdigit() for path in (workdir / "checkpoints").glob("*")):
        return json.loads(path.read_text())
    return None


def check_settings(workdir: Path, config: TrainConfig) -> None:
    """Refuse to go on with a run by other settings than it was begun with; photos are left to `claim`.

    Raises:
      InputError: the folder belongs to a run with other settings (the message shows the difference), or there is no
        run to extend, or one that has done more steps.
    """
    theirs = _recorded_settings(workdir) if config.resume else None
    if theirs is None:
        if config.extend:
            raise InputError(f"--extend: there is no run in --workdir {workdir} to go on with")
        return
    mine = json.loads(json.dumps(dataclasses.asdict(config)))
    differing = [key for key in mine if key not in _FREE and mine[key] != theirs[key]]
    if bool(mine["lr"]) == bool(theirs["lr"]):
        differing = [key for key in differing if key != "lr"]
    refused = [key for key in differing if not (config.extend and key in _EXTENDED)]
    if refused:
        shown = "; ".join(f"{key}: {theirs[key]} there, {mine[key]} here" for key in refused)
        extend = "" if set(refused) - _EXTENDED else "--extend to go on with these from its whole state, "
        raise InputError(
            f"--workdir {workdir} belongs to a run with other settings ({shown}); give the same settings, {extend}"
            "another --workdir, or --no-resume to remove that run"
        )
    if differing and config.steps < _steps_done(workdir):
        raise InputError(f"--steps {config.steps}: the run in {workdir} has done {_steps_done(workdir)} already")


def extensions(workdir: Path, config: TrainConfig) -> list[dict]:
    """Each time that the run of this folder was extended, this start included.

    Returns:
      [{"at": updates done, "was": {setting: value until then}}], the earliest first.
    """
    theirs = _recorded_settings(workdir) if config.resume else None
    if theirs is None:
        return []
    was = {key: theirs[key] for key in sorted(_EXTENDED) if theirs[key] != getattr(config, key)}
    return theirs.get("extended", []) + ([{"at": _steps_done(workdir), "was": was}] if was else [])


def _recorded_settings(workdir):
    recorded = recorded_run(workdir)
    # A run of before a flag came has what is now its default.
    return recorded and dataclasses.asdict(TrainConfig()) | recorded


def _steps_done(workdir):
    return max(int(path.name) for path in (workdir / "checkpoints").iterdir() if path.name.isdigit())


def claim(
    workdir: Path, config: TrainConfig, photos: Mapping[str, Sequence[Named]], *, used: dict | None = None
) -> None:
    """Write what this run is made of into its folder, or check that it is what an earlier start wrote there.

    `config.json` has the settings, `photos.json` name and hash of each photo.

    Args:
      workdir: the held folder.
      config: with `resume` off, an earlier run in the folder is removed first.
      photos: the photos by what they are for, {"training": […], "validation": […]}.
      used: what was measured or chosen at the start and is kept when the run goes on.

    Raises:
      InputError: the folder belongs to a run with other settings or photos; the message shows the difference.
    """
    if not config.resume:
        for name in ("checkpoints", DAMAGED, "tensorboard", "strips"):
            shutil.rmtree(workdir / name, ignore_errors=True)
        for name in _FILES:
            (workdir / name).unlink(missing_ok=True)
    check_settings(workdir, config)
    theirs = recorded_run(workdir)
    if theirs is not None:
        _check_photos(workdir, theirs, photos)
    extended = {"extended": history} if (history := extensions(workdir, config)) else {}
    mine = dataclasses.asdict(config) | {"photos": summary(photos["training"]), "used": used or {}} | extended
    # The settings last: where they are, all is.
    _write(workdir / "photos.json", photos, indent=0)
    _write(workdir / "config.json", mine, indent=2)


def _check_photos(workdir, theirs, photos):
    path = workdir / "photos.json"
    if not path.exists():
        # A run of before photos were compared by contents.
        number, count = theirs["photos"]["count"], len(photos["training"])
        found = {"training": f"{number} there, {count} here" if number != count else None}
    else:
        recorded = json.loads(path.read_text())
        found = {use: difference(recorded[use], each) for use, each in photos.items()}
    differing = [f"{use} photos: {words}" for use, words in found.items() if words]
    if differing:
        raise InputError(
            f"--workdir {workdir} belongs to a run with other photos ({'; '.join(differing)}); give it those it had, "
            "wherever they are now, or another --workdir, or --no-resume to remove that run"
        )


def _write(path, value, *, indent):
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=indent) + "\n")


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
