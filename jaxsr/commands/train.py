"""Train a network on photos: `jaxsr train --stage srresnet --data PHOTOS --validation PHOTOS --workdir RUN`."""

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
from jaxsr.commands.flags import Kernels, use_kernels
from jaxsr.config import TrainConfig
from jaxsr.errors import InputError
from jaxsr.processes.memory import restart_with_huge_pages

_PACKAGE = Path(jaxsr.__file__).parent
# In a wheel the recipes are inside the package; in a checkout they are beside it.
_CONFIGS = next(folder / "configs" for folder in (_PACKAGE, _PACKAGE.parent) if (folder / "configs").is_dir())
RECIPES = {path.stem: path for path in sorted(_CONFIGS.glob("*.py"))}
if TYPE_CHECKING:
    Recipe = str
else:
    # The choices of --config are the file names in that folder, known only at run time.
    Recipe = Literal[*RECIPES]


@dataclasses.dataclass(frozen=True)
class Arguments(TrainConfig):
    """The flags of `jaxsr train`: the settings of a run, its recipe, and the processes that share it."""

    config: Recipe | None = None
    """Recipe that sets the defaults of all other flags. None: the recipe with the name of --stage."""
    check_data: bool = False
    """Decode all photos, list those that cannot be used, and stop."""
    distributed: bool = False
    """Share the run with other processes of the same command, on this machine or on others."""
    coordinator: str | None = None
    """HOST:PORT of process 0. None: JAX asks SLURM, Open MPI or another launcher."""
    process_count: int | None = None
    """Number of processes. None: JAX asks the launcher."""
    process_index: int | None = None
    """Index of this process, from 0. None: JAX asks the launcher."""
    kernels: Kernels = None


def chosen_config(arguments: Sequence[str]) -> TrainConfig:
    """The recipe of configs/ that --config names. Without --config, the recipe that --stage names.

    Raises:
      InputError: no recipe or stage has that name.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    # A flag without its value counts as not given here: what is wrong with it is said when all flags are parsed.
    parser.add_argument("--stage", nargs="?")
    parser.add_argument("--config", nargs="?")
    given, _ = parser.parse_known_args(arguments)
    stages = typing.get_args(TrainConfig.__annotations__["stage"])
    stage = given.stage or "srresnet"
    name, flag, known = (given.config, "--config", RECIPES) if given.config else (stage, "--stage", stages)
    if name not in known:
        raise InputError(f"{flag} {name} is unknown; choose one of {', '.join(known)}")
    return runpy.run_path(str(RECIPES[name]))["config"]


def main(arguments: Annotated[Arguments, tyro.conf.arg(name="")]) -> int:
    """Train a network on photos.

    The same command resumes a run from its last checkpoint, whatever stopped it.
    """
    use_kernels(arguments.kernels)
    config = TrainConfig(**{field.name: getattr(arguments, field.name) for field in dataclasses.fields(TrainConfig)})

    def task() -> int:
        from jaxsr.processes.distributed import Cluster
        from jaxsr.training.start import start

        place = Cluster(arguments.coordinator, arguments.process_count, arguments.process_index)
        return start(config, check_only=arguments.check_data, cluster=place if arguments.distributed else None)

    if not arguments.distributed:
        for name in ("coordinator", "process_count", "process_index"):
            if getattr(arguments, name) is not None:
                raise InputError(
                    f"--{name.replace('_', '-')} is for runs with --distributed; add that, or leave it out"
                )
        return task()
    from jaxsr.processes.supervision import supervised

    return supervised(task)


def parse(main: Callable[[Arguments], int], *, args: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Parse the flags and call `main` with them, in a process with large memory pages.

    The recipe that --config or --stage names sets the defaults.

    Args:
      main: the command. Its docstring is the description in --help.
      args: the command line as words. None: the process's own.
      prog: name of the command in --help. None: the file that was started.

    Returns:
      The exit code of `main`.

    Raises:
      InputError: no recipe or stage has that name.
    """
    restart_with_huge_pages()
    defaults = dataclasses.asdict(chosen_config(sys.argv[1:] if args is None else args))
    default, description = Arguments(**defaults), inspect.getdoc(main)
    return main(tyro.cli(Arguments, default=default, args=args, description=description, prog=prog))
