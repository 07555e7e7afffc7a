"""Large pages: asked for once, and kept."""

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

LINUX = Path("/sys/kernel/mm/transparent_hugepage/enabled")
# Prints the process and its tunables before and after; a program that went on restarting would never end.
PROGRAM = """
import os, sys
from jaxsr.processes.memory import restart_with_huge_pages
print(os.getpid(), os.environ.get("GLIBC_TUNABLES"), sys.argv[1:], flush=True)
restart_with_huge_pages()
print("done")
"""

NAME, VERSION = platform.libc_ver()
LIBC = NAME, tuple(map(int, re.findall(r"\d+", VERSION)))
FOR_THE_ASKING = pytest.mark.skipif(
    not LINUX.is_file() or "[madvise]" not in LINUX.read_text(), reason="no pages for the asking here"
)


def run(environment):
    environment = {name: value for name, value in os.environ.items() if name != "GLIBC_TUNABLES"} | environment
    line = [sys.executable, "-c", PROGRAM, "--steps", "a b"]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.splitlines()


@FOR_THE_ASKING
@pytest.mark.parametrize(("before", "after"), [(None, ""), ("glibc.malloc.check=1", "glibc.malloc.check=1:")])
def test_the_same_process_starts_once_more_with_its_arguments(before, after):
    first, second, done = run({"GLIBC_TUNABLES": before} if before else {})
    process = first.split()[0]
    assert first == f"{process} {before} ['--steps', 'a b']"
    assert second == f"{process} {after}glibc.malloc.hugetlb=1 ['--steps', 'a b']"
    assert done == "done"


@FOR_THE_ASKING
@pytest.mark.parametrize("environment", [{"GLIBC_TUNABLES": "glibc.malloc.hugetlb=0"}, {"JAXSR_RESTARTED": "1"}])
def test_a_wish_of_the_user_stays_and_nothing_starts_for_ever(environment):
    assert len(run(environment)) == 2


@FOR_THE_ASKING
@pytest.mark.skipif(LIBC[0] != "glibc" or LIBC[1] < (2, 35), reason="the tunable came with glibc 2.35")
def test_large_pages_are_what_the_process_gets():
    program = """
from jaxsr.processes.memory import restart_with_huge_pages
restart_with_huge_pages()
memory = bytearray(2**28)
print([line.split()[1] for line in open("/proc/self/smaps_rollup") if line.startswith("AnonHugePages")][0])
"""
    environment = {name: value for name, value in os.environ.items() if name != "GLIBC_TUNABLES"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    # Kilobytes; most of what was allocated, if memory is in pieces.
    assert int(done.stdout) > 2**17
