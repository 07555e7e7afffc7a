"""Ctrl-C and SIGTERM, noted so that a program can save before it stops."""

import contextlib
import signal
import time
from collections.abc import Generator


@contextlib.contextmanager
def interruptible() -> Generator[list[float]]:
    """Yield a list, which gets an item (the time in seconds) at each Ctrl-C or SIGTERM.

    The first one does nothing else, so that the caller can stop in order. One that comes more than a second later stops
    the process at once.
    """
    seen = []

    def note(number, frame):
        seen.append(time.monotonic())
        # Batch systems send a signal to a process and to its parent, which passes it on.
        if seen[-1] - seen[0] > 1:
            signal.signal(number, previous[number])
            signal.raise_signal(number)

    previous = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield seen
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
