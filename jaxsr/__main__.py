"""The command `jaxsr`, also `python -m jaxsr`: it finds the named command and runs it."""

import os
import sys
from collections import Counter
from importlib.metadata import version

from jaxsr.commands import COMMANDS, run
from jaxsr.commands.completion import print_completion
from jaxsr.errors import InputError, reported


def main() -> int:
    """Run the command in the process's arguments and return the exit code.

    The help is printed without importing JAX, which takes a second.
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
                raise InputError(
                    f"{name} is not a command of jaxsr; choose one of {', '.join(COMMANDS)}, or use --help"
                )
    return 0


def overview() -> str:
    """The help text, with a line for each command."""
    width = max(map(len, COMMANDS)) + 2
    lines = "\n".join(f"  {name:{width}}{line}" for name, line in COMMANDS.items())
    return f"""usage: jaxsr COMMAND [FLAGS]

Single-image super-resolution in pure-functional JAX.

{lines}

  jaxsr COMMAND --help       The flags of a command.
  jaxsr --version            Versions of jaxsr and JAX, and the device that they use.
  jaxsr --completion SHELL   A script for bash or zsh that completes commands and flags."""


def print_version() -> None:
    """Print the versions of jaxsr and JAX, then the devices.

    Raises:
      InputError: JAX finds no device.
    """
    print(f"jaxsr {version('jaxsr')}, jax {version('jax')}", flush=True)
    # Naming a GPU does not need its memory.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    import jax

    try:
        devices = Counter(device.device_kind for device in jax.devices())
    except RuntimeError as error:
        raise InputError(f"JAX finds no device: {error}") from error
    print("device:", ", ".join(f"{count} × {kind}" if count > 1 else kind for kind, count in devices.items()))


if __name__ == "__main__":
    sys.exit(main())
