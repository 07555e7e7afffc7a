"""The command `jaxsr`, which is `python -m jaxsr` too: it finds the command that is meant, and runs it."""

import os
import sys
from collections import Counter
from importlib.metadata import version

from jaxsr.commands import COMMANDS, run
from jaxsr.commands.completion import print_completion
from jaxsr.errors import InputError, reported


def main() -> int:
    """Run the command that the process was started with; gives the exit code.

    Without importing JAX where the help is asked for, since that takes a second.
    """
    with reported():
        match sys.argv[1:]:
            case []:
                print(overview(), file=sys.stderr)
                return 2
            case ["-h" | "--help", *_]:
                print(overview())
            case ["--version", *_]:
                print_version()
            case ["--completion", *shell]:
                print_completion(*shell[:1] or [""])
            case [name, *arguments] if name in COMMANDS:
                run(name, arguments=arguments, prog=f"jaxsr {name}")
            case [name, *_]:
                raise InputError(f"{name} is no command of jaxsr; choose one of {', '.join(COMMANDS)}, or give --help")
    return 0


def overview() -> str:
    """The help: a line for each command."""
    width = max(map(len, COMMANDS)) + 2
    lines = "\n".join(f"  {name:{width}}{command.line}" for name, command in COMMANDS.items())
    return f"""usage: jaxsr COMMAND [FLAGS]

Single-image super-resolution in pure-functional JAX.

{lines}

  jaxsr COMMAND --help       The flags of a command.
  jaxsr --version            Versions of jaxsr and of JAX, and the device that they compute on.
  jaxsr --completion SHELL   A script for bash or zsh that completes commands and flags."""


def print_version() -> None:
    """Print the versions of jaxsr and JAX, then the devices.

    Raises:
      InputError: JAX finds none.
    """
    print(f"jaxsr {version('jaxsr')}, jax {version('jax')}", flush=True)
    # To name a GPU is no reason to take its memory.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    import jax

    try:
        devices = Counter(device.device_kind for device in jax.devices())
    except RuntimeError as error:
        raise InputError(f"JAX finds no device: {error}") from error
    print("device:", ", ".join(f"{count} × {kind}" if count > 1 else kind for kind, count in devices.items()))


if __name__ == "__main__":
    sys.exit(main())
