"""One run in several processes: how they find each other, and what is said when one of them is lost.

JAX ends a process from C++, with a stack trace, when its coordinator is gone or another process stops answering. So the
work is done by a child, whose end the process that the user started explains in a sentence.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from typing import NamedTuple

import jax

from jaxsr.errors import InputError, reported

LOST = os.EX_TEMPFAIL
LOST_SENTENCE = (
    "another process of this run ended or cannot be reached; see what that one says, then start all of them again "
    "with the same command to go on from the last checkpoint"
)
# Seconds without a sign of life after which JAX gives up on a process.
HEARTBEAT = 30

_STREAMS = "JAXSR_WORKER_STREAMS"
_TROUBLE = re.compile("Gloo|NCCL|[Cc]oordination ?[Ss]ervice|distributed service|heartbeat|UNAVAILABLE|DEADLINE_EXC")


class Cluster(NamedTuple):
    """Which processes make up a run; what is None is found out by JAX: SLURM, Open MPI, Kubernetes, Cloud TPU.

    Attributes:
      coordinator: HOST:PORT on which process 0 listens.
      count: processes in all.
      index: of this one, from 0.
    """

    coordinator: str | None = None
    count: int | None = None
    index: int | None = None


def join(cluster: Cluster) -> None:
    """Meet the other processes; to be called before JAX's first computation. Waits for them for up to five minutes.

    Raises:
      InputError: nothing says where they are, or they cannot be reached.
    """
    # It would take SIGTERM for itself; the loop listens to it.
    jax.config.update("jax_enable_preemption_service", False)
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    try:
        jax.distributed.initialize(*cluster, heartbeat_timeout_seconds=HEARTBEAT)
    except ValueError as error:
        raise InputError(
            "--distributed: give --coordinator HOST:PORT, --process-count and --process-index, or start the processes "
            f"by SLURM, Open MPI or another launcher that JAX knows ({_first_line(error)})"
        ) from error
    except RuntimeError as error:
        raise InputError(f"--distributed: the processes did not find each other ({_first_line(error)})") from error


def supervised(task: Callable[[], int]) -> int:
    """Run the task in a child that is started by the same command as this process.

    Ctrl-C and SIGTERM are passed on. The child ends when this process does, however that ends.

    Args:
      task: calls `join`; gives the exit code. It runs in the child only, which never returns from here.

    Returns:
      The child's exit code; `LOST` where another process of the run was lost, which is then said on stderr.
    """
    if _STREAMS in os.environ:
        _work(task)
    with tempfile.TemporaryFile() as native:
        # What C++ writes goes to a file, and is shown if nothing else explains the end.
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
    if code == LOST or (code < 0 and _TROUBLE.search(written)):
        print(f"error: {LOST_SENTENCE}", file=sys.stderr)
        return LOST
    if code < 0:
        print(f"{written}error: this process was ended by {signal.Signals(-code).name}", file=sys.stderr)
        return 128 - code
    return code


def _work(task):
    """Run the task and leave at once: a process that failed must not wait for the others, who cannot know."""
    sys.stdout, sys.stderr = (os.fdopen(int(stream), "w", buffering=1) for stream in os.environ.pop(_STREAMS).split())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        with reported():
            code = task()
        jax.distributed.shutdown()
    except SystemExit as end:
        code = end.code
    except BaseException as error:
        code = LOST if is_lost(error) else 1
        if code != LOST:
            traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def is_lost(error: BaseException) -> bool:
    """Whether an error, or one that it came from, says that another process is gone."""
    if isinstance(error, jax.errors.JaxRuntimeError) and _TROUBLE.search(str(error)):
        return True
    earlier = error.__cause__ or error.__context__
    return earlier is not None and is_lost(earlier)


def _end_with_parent():
    # The pipe from the parent closes with it.
    os.read(0, 1)
    os._exit(LOST)


def _first_line(error):
    return (str(error).splitlines() or [type(error).__name__])[0]
