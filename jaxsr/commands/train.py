"""Train a network on photos: `jaxsr train --stage srresnet --data PHOTOS --validation PHOTOS --workdir RUN`.

However a run stopped, the same command goes on from its last checkpoint.
"""

import argparse
import dataclasses
import inspect
import runpy
import sys
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

import jaxsr
from jaxsr.commands.kernels import Kernels, use_kernels
from jaxsr.config import TrainConfig
from jaxsr.errors import InputError
from jaxsr.processes.memory import restart_with_huge_pages

_PACKAGE = Path(jaxsr.__file__).parent
# A wheel has the recipes inside the package, a checkout beside it.
_CONFIGS = next(folder / "configs" for folder in (_PACKAGE, _PACKAGE.parent) if (folder / "configs").is_dir())
RECIPES = {path.stem: path for path in sorted(_CONFIGS.glob("*.py"))}
if TYPE_CHECKING:
    Recipe = str
else:
    # Known only at run time: the names of the files there.
    Recipe = Literal[*RECIPES]


@dataclasses.dataclass(frozen=True)
class Arguments(TrainConfig):
    """The flags of `jaxsr train`: the settings of a run, its recipe, and the processes that share it."""

    config: Recipe | None = None
    """Recipe that gives the defaults of all other flags (None: the recipe named like --stage)."""
    check_data: bool = False
    """Decode all photos, print a table of those that cannot be used, and stop."""
    kernels: Kernels | None = None
    """auto: convolutions on a CPU by what is fastest there. xla: all by XLA (None: JAXSR_KERNELS, or auto)."""
    distributed: bool = False
    """Share the run with other processes that were started by the same command, on this machine or on others."""
    coordinator: str | None = None
    """HOST:PORT at which process 0 can be reached (None: JAX asks SLURM, Open MPI and other launchers)."""
    process_count: int | None = None
    """Number of processes (None: JAX asks the launcher)."""
    process_index: int | None = None
    """Index of this process, from 0 (None: JAX asks the launcher)."""


def chosen_config(arguments: Sequence[str]) -> TrainConfig:
    """The recipe of configs/ that --config names, or --stage where there is no --config.

    Raises:
      InputError: there is no recipe or stage of that name.
    """
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

    However a run stopped, the same command goes on from its last checkpoint.
    """
    use_kernels(arguments.kernels)
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
    """Parse the flags and call `main` with them, in a process with large memory pages.

    The defaults are those of the recipe that --config or --stage names.

    Args:
      main: the command; its docstring is the description in --help.
      args: the words of the command line (None: those of this process).
      prog: name of the command in --help (None: that of this process).

    Returns:
      The exit code of `main`.

    Raises:
      InputError: there is no recipe or stage of that name.
    """
    restart_with_huge_pages()
    defaults = dataclasses.asdict(chosen_config(sys.argv[1:] if args is None else args))
    default, description = Arguments(**defaults), inspect.getdoc(main)
    return main(tyro.cli(Arguments, default=default, args=args, description=description, prog=prog))
