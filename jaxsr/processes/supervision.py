"""Run one of the processes of a distributed run, and report in one sentence when another one is lost.

JAX ends a process from C++, with a stack trace, when its coordinator is gone or another process stops answering.
Therefore a child process does the work, and the process that the user started explains the end of the child.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable

from jaxsr.errors import reported
from jaxsr.processes.lost import TROUBLE, is_lost

LOST = os.EX_TEMPFAIL
LOST_SENTENCE = (
    "another process of this run ended or cannot be reached; read its messages, then start all processes again with "
    "the same command to go on from the last checkpoint"
)

_STREAMS = "JAXSR_WORKER_STREAMS"


def supervised(task: Callable[[], int]) -> int:
    """Run the task in a child process, started by the same command as this process.

    Ctrl-C and SIGTERM are passed on to the child. The child ends when this process ends, in whatever way.

    Args:
      task: calls `distributed.join`, and returns the exit code. It runs only in the child, where this function never
        returns.

    Returns:
      The exit code of the child. It is `LOST` if another process of the run was lost; stderr then says so.
    """
    if _STREAMS in os.environ:
        _work(task)
    with tempfile.TemporaryFile() as native:
        # The output of C++ goes to a file. It is shown if nothing else explains the end.
        streams = [os.dup(stream) for stream in (1, 2)]
        child = subprocess.Popen(
            [sys.executable, *sys.orig_argv[1:]],
            env=os.environ | {_STREAMS: " ".join(map(str, streams))},
            stdin=subprocess.PIPE,
            stdout=native,
            stderr=native,
            pass_fds=streams,
            process_group=0,
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, frame: child.send_signal(number))
        code = child.wait()
        native.seek(0)
        written = native.read().decode(errors="replace")
    if code == LOST or (code < 0 and TROUBLE.search(written)):
        print(f"error: {LOST_SENTENCE}", file=sys.stderr)
        return LOST
    if code < 0:
        print(f"{written}error: this process was ended by {signal.Signals(-code).name}", file=sys.stderr)
        return 128 - code
    return code


def _work(task):
    """Run the task and exit at once: a process that failed must not wait for the others, which cannot know of it."""
    sys.stdout, sys.stderr = (os.fdopen(int(stream), "w", buffering=1) for stream in os.environ.pop(_STREAMS).split())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # The parent does not need JAX.
    import jax

    try:
        with reported():
            code = task()
        # This waits until the other processes are done too.
        jax.distributed.shutdown()
    except SystemExit as end:
        # As Python does it: None is success, and anything but a number is failure.
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException as error:
        code = LOST if is_lost(error) else 1
        if code != LOST:
            traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _end_with_parent():
    # The pipe from the parent closes when the parent ends.
    os.read(0, 1)
    os._exit(LOST)
