"""One run in two real processes over the loopback, against the same run in one; one of them really killed."""

import json
import os
import shutil
import signal
import socket
import subprocess

import jax
import numpy as np
import pytest
import safetensors.numpy
from forked import run
from test_train_script import assert_refused, command, photos, wait_for_step  # noqa: F401

from jaxsr.processes.lost import is_lost
from jaxsr.processes.supervision import LOST, LOST_SENTENCE

TINY = ["--features", "4", "--blocks", "1", "--crop", "24", "--batch-size", "4", "--initialisation", "paper"]
TINY += ["--steps", "200", "--steps-per-dispatch", "1", "--checkpoint-every", "50", "--validate-every", "100"]


@pytest.fixture(scope="module")
def environment():
    """With all programs kept, since the same few are compiled in every process."""
    return os.environ | {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}


@pytest.fixture(scope="module")
def line(photos):  # noqa: F811
    return command(*TINY, "--data", photos / "train")


@pytest.fixture(scope="module")
def alone(line, environment, tmp_path_factory):
    """The run in one process, on two devices."""
    workdir = tmp_path_factory.mktemp("alone") / "run"
    done = run([*line, "--devices", "2", "--workdir", str(workdir)], env=environment)
    assert done.returncode == 0, done.stderr
    return workdir


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def by_flags(line, environment):
    """Commands and environments of two processes that are told each other by flags."""
    given = ["--distributed", "--coordinator", f"127.0.0.1:{free_port()}", "--process-count", "2"]
    return [([*line, *given, "--process-index", str(index)], environment) for index in range(2)]


def by_slurm(line, environment):
    """The same as srun would start them; JAX makes the port from the number of the job."""
    slurm = {"SLURM_JOB_ID": str(free_port()), "SLURM_STEP_NODELIST": "localhost", "SLURM_NTASKS": "2"}
    own = [{"SLURM_PROCID": str(index), "SLURM_LOCALID": str(index)} for index in range(2)]
    return [([*line, "--distributed"], environment | slurm | each) for each in own]


def start_all(commands):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return [subprocess.Popen(line, env=environment, **pipes) for line, environment in commands]


def assert_same_run(workdir, other):
    """Losses and weights up to the order of sums, which 200 updates carry on."""
    ours, theirs = (
        [json.loads(row) for row in (folder / "metrics.jsonl").read_text().splitlines()] for folder in (workdir, other)
    )
    assert [row["step"] for row in ours] == [row["step"] for row in theirs] == list(range(1, 201))
    for name in ("loss", "gradient_norm"):
        np.testing.assert_allclose([row[name] for row in ours], [row[name] for row in theirs], rtol=1e-3)
    ours, theirs = (safetensors.numpy.load_file(folder / "last.safetensors") for folder in (workdir, other))
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_allclose(ours[name], theirs[name], atol=1e-4, err_msg=name)


def test_a_run_in_two_processes_is_that_of_one_however_it_was_stopped(line, environment, alone, tmp_path):
    workdir, copy = tmp_path / "run", tmp_path / "copy"
    line = [*line, "--devices", "1"]

    # One is told to stop: both save and stop.
    both = start_all(by_flags([*line, "--workdir", str(workdir)], environment))
    wait_for_step(workdir, 20, both[0])
    both[1].send_signal(signal.SIGTERM)
    told = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [130, 130], told
    assert "interrupted and saved" in told[0][0]
    assert told[1] == ("", "")

    # The one that all depend on is killed: the other says so.
    writer, other = start_all(by_slurm([*line, "--workdir", str(workdir)], environment))
    wait_for_step(workdir, 110, writer)
    writer.send_signal(signal.SIGKILL)
    out, err = other.communicate(timeout=60)
    assert (other.returncode, out, err) == (LOST, "", f"error: {LOST_SENTENCE}\n")
    writer.communicate()
    shutil.copytree(workdir, copy)

    # Both go on, or one goes on without the other.
    both = start_all(by_flags([*line, "--workdir", str(workdir)], environment))
    told = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert "at step 100" in told[0][0]
    assert_same_run(workdir, alone)
    resumed = run([*line, "--workdir", str(copy)], env=environment)
    assert resumed.returncode == 0, resumed.stderr
    assert "at step 100" in resumed.stdout
    assert_same_run(copy, alone)


@pytest.mark.parametrize(
    ("cause", "lost"),
    [
        (jax.errors.JaxRuntimeError("FAILED_PRECONDITION: Connection closed by peer [127.0.0.1]:19851"), True),
        (RuntimeError("UNKNOWN: Gloo all-reduce failed: read error"), True),
        (ValueError("UNKNOWN: Gloo AllGather failed: Read error [127.0.0.1]:45748: Connection reset by peer"), True),
        (jax.errors.JaxRuntimeError("INVALID_ARGUMENT: shapes do not agree"), False),
        (ValueError("Connection closed by peer"), False),
    ],
)
def test_what_a_lost_process_looks_like_to_the_others(cause, lost):
    error = ValueError("while saving")
    error.__cause__ = cause
    assert is_lost(error) == lost


def test_processes_that_nothing_is_said_about_are_refused(line, tmp_path):
    assert_refused(run([*line, "--distributed", "--workdir", str(tmp_path)]), "--coordinator HOST:PORT", "SLURM")
