"""Errors that a user can mend, each reported as one sentence."""

import contextlib
import os
import sys
import warnings
from collections.abc import Generator, Mapping
from typing import Any


class InputError(ValueError):
    """The input of a user is wrong: a file, a folder, a flag or a weights file.

    The message is one sentence. It names what is at fault and how to mend it.
    """


@contextlib.contextmanager
def reported() -> Generator[None]:
    """Report errors of a script on one line of stderr, without a traceback.

    `InputError` and `OSError` end the script with exit code 2, Ctrl-C with 130, and a closed pipe, without a word, with
    141. Warnings take one line too.
    """
    try:
        with warnings.catch_warnings():
            # Python's documentation allows any callable here; the stub has only the default function's own type.
            warnings.showwarning = _warned  # ty: ignore[invalid-assignment]
            yield
    except (InputError, OSError) as error:
        sys.exit(_failed(error))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    finally:
        _flush()


def _flush():
    """Flush stdout now, because an error of Python's own flush at the end would not be reported."""
    try:
        # Unlike its method, this allows for a process without stdout.
        print(end="", flush=True)
    except OSError as error:
        # Python's flush would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(_failed(error))


@contextlib.contextmanager
def needing(what: str, extras: Mapping[str, str]) -> Generator[None]:
    """Say which extra to install where a package is missing that only part of jaxsr needs.

    Args:
      what: the sentence, with {} for the package.
      extras: {package: the extra that installs it}. The lack of other packages is an error as usual.

    Raises:
      InputError: one of them is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in extras:
            raise
        raise InputError(f'{what.format(package)}: pip install "jaxsr[{extras[package]}]"') from error


def sentence(error: Exception) -> str:
    """The message of an error, preceded by the file name if an `OSError` has one."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def first_line(error: Exception) -> str:
    """The first line of an error's message, or the name of its class if it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _warned(message: Warning | str, *_: Any) -> None:
    print(f"warning: {message}", file=sys.stderr)


def _failed(error: Exception) -> int:
    """The exit code for an error, which is printed unless whatever reads the output has ended, as `head` does."""
    if isinstance(error, BrokenPipeError):
        return 141
    print(f"error: {sentence(error)}", file=sys.stderr)
    return 2
