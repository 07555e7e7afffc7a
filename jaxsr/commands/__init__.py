"""The commands of `jaxsr`, one module each. The arguments of a module's `main` are the command's flags.

`flags.py` has the flags that several share. `scripts/` has the same commands as files.
"""

import importlib
import io
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn

from jaxsr.errors import reported

# The first line of each command's help. The module of a command is imported only when the command runs.
COMMANDS = {
    "upscale": "Upscale pictures, or clips, with a network.",
    "evaluate": "Score models on test sets by one protocol, which is printed above each table.",
    "train": "Train a network on photos.",
    "archive": "Upscale the pictures of a folder, or a clip, on a Ray cluster.",
    "demo": "Serve a page that upscales pictures, until Ctrl-C.",
    "port": "Convert other programs' weights to jaxsr's format.",
    "export": "Export a network for other programs, and check that it gives the same results there.",
}


def module(name: str) -> ModuleType:
    """The module of a command."""
    return importlib.import_module(f"jaxsr.commands.{name}")


def run(name: str, *, arguments: Sequence[str] | None = None, prog: str | None = None) -> NoReturn:
    """Parse the flags of a command, run it, and end the process with its exit code.

    Args:
      name: one of `COMMANDS`.
      arguments: the command line after the command's name. None: the process's own.
      prog: name of the command in its help. None: the file that was started.
    """
    with reported():
        # Imported here, so that the list of commands appears at once.
        import tyro

        # File names need not be valid text. They are printed as the bytes that they are.
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="surrogateescape")
        command = module(name)
        # `train` parses its own flags, because their defaults depend on the recipe.
        parse = getattr(command, "parse", tyro.cli)
        sys.exit(parse(command.main, args=arguments, prog=prog))
