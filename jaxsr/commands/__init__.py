"""The commands of `jaxsr`, one module each, whose `main` has the flags as its arguments.

`scripts/` has the same commands as files.
"""

import importlib
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import NamedTuple, NoReturn

from jaxsr.errors import reported


class Command(NamedTuple):
    """Where a command is, and what it does.

    Attributes:
      module: name of the module, imported when the command is asked for.
      line: the first one of its help.
    """

    module: str
    line: str


COMMANDS = {
    "upscale": Command("jaxsr.commands.upscale", "Upscale pictures, or clips, with a network."),
    "evaluate": Command(
        "jaxsr.commands.evaluate", "Score models on test sets, all by one protocol, which stands above each table."
    ),
    "train": Command("jaxsr.commands.train", "Train a network on photos."),
    "archive": Command("jaxsr.commands.archive", "Upscale the pictures of a folder, or a clip, on a Ray cluster."),
    "demo": Command("jaxsr.commands.demo", "Serve a page that upscales pictures, until Ctrl-C."),
    "port": Command("jaxsr.commands.port", "Bring other programs' weights into a form that jaxsr reads."),
    "export": Command(
        "jaxsr.export.command",
        "Write a network for other programs, once it is found to do there what it does here.",
    ),
}


def module(name: str) -> ModuleType:
    """The module of a command."""
    return importlib.import_module(COMMANDS[name].module)


def run(name: str, *, arguments: Sequence[str] | None = None, prog: str | None = None) -> NoReturn:
    """Parse the flags of a command, run it, and end the process with its exit code.

    Args:
      name: one of `COMMANDS`.
      arguments: of the command (None: those of the process).
      prog: what the help calls it (None: the file that was started).
    """
    with reported():
        # Here, as jax in the commands themselves: the help of all commands is quick.
        import tyro

        # Names of files need not be valid text; they are printed as the bytes they are.
        sys.stdout.reconfigure(errors="surrogateescape")
        command = module(name)
        # That of `train` has other defaults for another recipe.
        parse = getattr(command, "parse", tyro.cli)
        sys.exit(parse(command.main, args=arguments, prog=prog))
