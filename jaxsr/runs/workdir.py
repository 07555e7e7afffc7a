"""The folder of a run, which belongs to one process at a time, and to one configuration."""

import contextlib
import dataclasses
import fcntl
import json
import os
import shutil
import time
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxsr.config import TrainConfig
from jaxsr.errors import InputError
from jaxsr.files import replacing
from jaxsr.runs.checkpoint import DAMAGED
from jaxsr.runs.photos import Named, difference, summary

# Settings that a continuation may change, since they do not change the result. Photos are compared by contents.
_FREE = {"workdir", "resume", "cache", "used", "photos", "checkpoint_every", "validate_every", "early_stop"}
_FREE |= {"data", "validation", "validation_lr", "extend"}
# Settings that --extend may change.
_EXTENDED = {"steps", "batch_size", "learning_rate", "discriminator_learning_rate", "schedule", "warmup"}
_FILES = ("config.json", "photos.json", "metrics.jsonl", "curves.png")
_FILES += ("best.safetensors", "last.safetensors", "start.safetensors")


@contextlib.contextmanager
def held(workdir: str | Path) -> Generator[Path]:
    """Create the folder if it does not exist, and lock it. The lock ends with the process, in whatever way it ends.

    Raises:
      InputError: another process has locked the folder, or there is a file of that name.
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


def recorded_run(workdir: Path) -> dict[str, Any] | None:
    """The settings that `claim` wrote into this folder, or None if no run has reached its first checkpoint here.

    Raises:
      InputError: there are checkpoints, and their settings are missing or cannot be read.
    """
    # A start that failed before its first checkpoint has claimed nothing.
    if not any(path.name.isdigit() for path in (workdir / "checkpoints").glob("*")):
        return None
    # A run that is older than a flag used what is now its default.
    return json.loads(json.dumps(dataclasses.asdict(TrainConfig()))) | _read(workdir / "config.json")


def _read(path):
    try:
        record = json.loads(path.read_text())
        if not isinstance(record, dict):
            raise ValueError
        return record
    except (OSError, ValueError) as error:
        cause = (error.strerror if isinstance(error, OSError) else None) or "it is damaged"
        raise InputError(
            f"{path}: cannot be read ({cause}), so the run in this folder is unknown; restore the file, name another "
            "--workdir, or add --no-resume to remove that run"
        ) from error


def check_settings(workdir: Path, config: TrainConfig) -> None:
    """Refuse to go on with a run with other settings than it was begun with. `claim` compares the photos.

    Raises:
      InputError: the folder belongs to a run with other settings (the message shows the difference), there is no run
        to extend, or the run to extend has done more steps already.
    """
    theirs = recorded_run(workdir) if config.resume else None
    if theirs is None:
        if config.extend:
            raise InputError(f"--extend: there is no run in --workdir {workdir} to go on with; leave --extend out")
        return
    mine = json.loads(json.dumps(dataclasses.asdict(config)))
    differing = [key for key in mine if key not in _FREE and mine[key] != theirs[key]]
    if bool(mine["lr"]) == bool(theirs["lr"]):
        differing = [key for key in differing if key != "lr"]
    refused = [key for key in differing if not (config.extend and key in _EXTENDED)]
    if refused:
        shown = "; ".join(f"{key}: {theirs[key]} there, {mine[key]} here" for key in refused)
        extend = "" if set(refused) - _EXTENDED else "--extend to go on from its whole state with these, "
        raise InputError(
            f"--workdir {workdir} belongs to a run with other settings ({shown}); give the same settings, {extend}"
            "another --workdir, or --no-resume to remove that run"
        )
    if differing and config.steps < _steps_done(workdir):
        raise InputError(
            f"--steps {config.steps}: the run in {workdir} has done {_steps_done(workdir)} already; give more"
        )


def extensions(workdir: Path, config: TrainConfig) -> list[dict[str, Any]]:
    """The extensions of the run in this folder, this start included.

    Returns:
      [{"at": updates done, "was": {setting: value until then}}], the earliest extension first.
    """
    theirs = recorded_run(workdir) if config.resume else None
    if theirs is None:
        return []
    was = {key: theirs[key] for key in sorted(_EXTENDED) if theirs[key] != getattr(config, key)}
    return theirs.get("extended", []) + ([{"at": _steps_done(workdir), "was": was}] if was else [])


def _steps_done(workdir):
    return max(int(path.name) for path in (workdir / "checkpoints").iterdir() if path.name.isdigit())


def claim(
    workdir: Path, config: TrainConfig, photos: Mapping[str, Sequence[Named]], *, used: dict[str, Any] | None = None
) -> None:
    """Write the settings and photos of this run into its folder, or compare them with those of an earlier start.

    `config.json` has the settings, and `photos.json` has the name and hash of each photo.

    Args:
      workdir: the folder, locked by `held`.
      config: settings of the run. If its `resume` is False, an earlier run in the folder is removed first.
      photos: {"training": […], "validation": […]}.
      used: values that were measured or chosen at the start, and are kept when the run goes on.

    Raises:
      InputError: the folder belongs to a run with other settings or photos. The message shows the difference.
    """
    if not config.resume:
        for name in ("checkpoints", DAMAGED, "tensorboard", "strips"):
            shutil.rmtree(workdir / name, ignore_errors=True)
        for name in _FILES:
            (workdir / name).unlink(missing_ok=True)
    check_settings(workdir, config)
    if recorded_run(workdir) is not None:
        _check_photos(workdir, photos)
    extended = {"extended": history} if (history := extensions(workdir, config)) else {}
    mine = dataclasses.asdict(config) | {"photos": summary(photos["training"]), "used": used or {}} | extended
    # The settings come last, so that they exist only when all the rest does.
    _write(workdir / "photos.json", photos, indent=0)
    _write(workdir / "config.json", mine, indent=2)


def _check_photos(workdir, photos):
    recorded = _read(workdir / "photos.json")
    found = {use: difference(recorded[use], each) for use, each in photos.items()}
    differing = [f"{use} photos: {words}" for use, words in found.items() if words]
    if differing:
        raise InputError(
            f"--workdir {workdir} belongs to a run with other photos ({'; '.join(differing)}); give the photos it had, "
            "in any folder, or another --workdir, or --no-resume to remove that run"
        )


def _write(path, value, *, indent):
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=indent) + "\n")


def await_claim(workdir: Path) -> None:
    """Wait until this process sees what another one wrote with `claim`. Network file systems may delay it.

    Raises:
      InputError: it is not seen within a minute.
    """
    deadline = time.monotonic() + 60
    while not (workdir.is_dir() and "config.json" in os.listdir(workdir)):
        if time.monotonic() > deadline:
            raise InputError(f"--workdir {workdir} is not the same folder on all machines; name one that they share")
        time.sleep(0.2)
