"""Commands in processes of their own that begin with the packages imported, which is most of the work of a start.

A process without JAX's backends imports them once and is forked for each command. Otherwise a command is as alone as
one that a shell starts: it has its own arguments, folder, environment, output and group, and can be killed.
"""

import logging
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import jax

_CONTEXT = multiprocessing.get_context("forkserver")
_COMMANDS = [f"jaxsr.commands.{name}" for name in ("demo", "evaluate", "train", "upscale")]
_LATER = [
    "jaxsr.demo.server",
    "jaxsr.training.start",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "tensorboardX",
    "tyro",
]
_CONTEXT.set_forkserver_preload(_COMMANDS + _LATER)


class Forked:
    """A command that runs, as `subprocess.Popen` has it."""

    def __init__(
        self,
        line: Sequence[Any],
        *,
        cwd: Path | None = None,
        env: dict[str, str] | None = None,
        ignored: Iterable[signal.Signals] = (),
    ):
        """Start `python SCRIPT FLAGS …`, where the python of `line` is that of the tests.

        Args:
          line: as for `subprocess.Popen`.
          cwd: folder to run in. None: that of the tests.
          env: as for `subprocess.Popen`; JAX's own variables were read before.
          ignored: signals that it ignores from the start, as under nohup.
        """
        assert line[0] == sys.executable
        self._folder = tempfile.TemporaryDirectory(prefix="jaxsr-forked-")
        self._outputs = [Path(self._folder.name, name) for name in ("stdout", "stderr")]
        for path in self._outputs:
            path.touch()
        arguments = [os.fspath(word) for word in line[1:]]
        outputs = [str(path) for path in self._outputs]
        values = (arguments, str(cwd or Path.cwd()), dict(env or os.environ), outputs, tuple(ignored))
        self._process = _CONTEXT.Process(target=_command, args=values, daemon=True)
        # What a test that failed leaves behind ends with the tests.
        self._process.start()
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def first_line(self) -> str:
        """The first line on stdout, once it is there."""
        while "\n" not in (written := self._outputs[0].read_text()):
            assert self.poll() is None, self._outputs[1].read_text()
            time.sleep(0.02)
        return written.partition("\n")[0]

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float = 300) -> tuple[str, str]:
        """What the command wrote to stdout and stderr until its end."""
        self._process.join(timeout)
        if self.returncode is None:
            os.killpg(self.pid, signal.SIGKILL)
            raise TimeoutError(f"the command did not end in {timeout} s: {[p.read_text() for p in self._outputs]}")
        written = tuple(path.read_text(errors="surrogateescape") for path in self._outputs)
        self._folder.cleanup()
        return written


def run(line: Sequence[Any], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, as `subprocess.run` with its output captured."""
    process = Forked(line, **options)
    out, err = process.communicate()
    return subprocess.CompletedProcess(line, process.returncode, out, err)


def _command(arguments, folder, environment, outputs, ignored):
    os.setsid()
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)
    os.chdir(folder)
    os.environ.clear()
    # glibc read its settings when the first process began, so a restart for others would only import all again.
    os.environ.update(environment | {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=0"})
    # Not the folder of the first process.
    tempfile.tempdir = None
    for number, path in enumerate(outputs, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1, closefd=False) for number in (1, 2))
    # Commands have hundreds of small programs in common.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    # What training imports gives the log a handler, which other commands do not have.
    if Path(arguments[0]).stem != "train":
        logging.root.handlers.clear()
    sys.argv, sys.orig_argv = arguments, [sys.executable, *arguments]
    runpy.run_path(arguments[0], run_name="__main__")
