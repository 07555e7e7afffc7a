"""The priority of a thread, kept while a library opens an encoder."""

import os
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def usual_priority() -> Generator[None]:
    """Give the thread back the priority that it had.

    Root's SVT-AV1 makes the thread that opens it a real-time one, as are then all processes that this one starts, and
    everything else on the machine stands still.
    """
    before = _priority()
    try:
        yield
    finally:
        if before is not None and _priority() != before:
            policy, priority = before
            os.sched_setscheduler(0, policy, os.sched_param(priority))


def _priority():
    """(policy, priority) of this thread; None where the system does not tell, such as musl's and macOS."""
    try:
        return os.sched_getscheduler(0), os.sched_getparam(0).sched_priority
    except (AttributeError, OSError):
        return None
