"""Train a network on photos: `jaxsr train --stage srresnet --data PHOTOS --validation PHOTOS --workdir RUN`.

Start the same command again to go on where it stopped, however it stopped.
"""

import argparse
import dataclasses
import inspect
import runpy
import sys
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Literal

import tyro

import jaxsr
from jaxsr.config import TrainConfig
from jaxsr.errors import InputError
from jaxsr.processes.memory import restart_with_huge_pages

_PACKAGE = Path(jaxsr.__file__).parent
# They lie inside the package where it was installed from a wheel, and beside it in a checkout.
_CONFIGS = next(folder / "configs" for folder in (_PACKAGE, _PACKAGE.parent) if (folder / "configs").is_dir())
RECIPES = {path.stem: path for path in sorted(_CONFIGS.glob("*.py"))}


@dataclasses.dataclass(frozen=True)
class Arguments(TrainConfig):
    """The flags: those of a recipe, and which one, and where it runs."""

    config: Literal[*RECIPES] | None = None  # type: ignore[valid-type]
    """Recipe whose values are the defaults of all other flags (None: the one named like --stage)."""
    check_data: bool = False
    """Decode all photos, print a table of what is wrong with them, and stop."""
    distributed: bool = False
    """Share the run with the same command in other processes, on this machine or on others."""
    coordinator: str | None = None
    """HOST:PORT on which process 0 can be reached (None: from SLURM, Open MPI … as JAX finds it)."""
    process_count: int | None = None
    """Processes in all (None: as above)."""
    process_index: int | None = None
    """Index of this process, from 0 (None: as above)."""


def chosen_config(arguments: Sequence[str]) -> TrainConfig:
    """The file of configs/ that --config names, or else --stage."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--stage", nargs="?", default="srresnet")
    parser.add_argument("--config", nargs="?")
    given, _ = parser.parse_known_args(arguments)
    stages = typing.get_args(TrainConfig.__annotations__["stage"])
    name, flag, known = (given.config, "--config", RECIPES) if given.config else (given.stage, "--stage", stages)
    if name not in known:
        raise InputError(f"{flag} {name} is unknown; choose one of {', '.join(known)}")
    return runpy.run_path(str(RECIPES[name]))["config"]


def main(arguments: Annotated[Arguments, tyro.conf.arg(name="")]) -> int:
    """Train a network on photos.

    The same command again goes on where it stopped, however it stopped.
    """
    values = {field.name: getattr(arguments, field.name) for field in dataclasses.fields(TrainConfig)}

    def task() -> int:
        from jaxsr.processes.distributed import Cluster
        from jaxsr.training.start import start

        place = Cluster(arguments.coordinator, arguments.process_count, arguments.process_index)
        cluster = place if arguments.distributed else None
        return start(TrainConfig(**values), check_only=arguments.check_data, cluster=cluster)

    if not arguments.distributed:
        return task()
    from jaxsr.processes.supervision import supervised

    return supervised(task)


def parse(main: Callable[[Arguments], int], *, args: Sequence[str] | None = None, prog: str | None = None) -> int:
    """As `tyro.cli`, with the defaults that --config or --stage names, in a process with large pages."""
    restart_with_huge_pages()
    defaults = dataclasses.asdict(chosen_config(sys.argv[1:] if args is None else args))
    words = {"description": inspect.getdoc(main), "prog": prog}
    return main(tyro.cli(Arguments, default=Arguments(**defaults), args=args, **words))
