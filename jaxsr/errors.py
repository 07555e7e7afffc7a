"""What a user got wrong, said in one sentence."""

import contextlib
import sys
import warnings
from collections.abc import Iterator


class InputError(ValueError):
    """A mistake in what the user gave: a file, a folder, a flag, a weights file.

    The message is one sentence that names the thing at fault and the way out.
    """


@contextlib.contextmanager
def reported() -> Iterator[None]:
    """Turn an `InputError` or an `OSError` inside a script into one line on stderr and exit code 2, Ctrl-C into 130.

    Warnings are one line too.
    """
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_: print(f"warning: {message}", file=sys.stderr)
            yield
    except InputError as error:
        sys.exit(_failed(str(error)))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        sys.exit(_failed(sentence(error)))


def sentence(error: Exception) -> str:
    """What went wrong, in one sentence that names the file where there is one."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _failed(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 2
