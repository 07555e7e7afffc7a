"""Large pages: asked for once, and kept."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

LINUX = Path("/sys/kernel/mm/transparent_hugepage/enabled")
# Prints the process and its tunables before and after; a program that went on restarting would never end.
PROGRAM = """
import os, sys
from jaxsr.training.memory import restart_with_huge_pages
print(os.getpid(), os.environ.get("GLIBC_TUNABLES"), sys.argv[1:], flush=True)
restart_with_huge_pages()
print("done")
"""


def run(tunables):
    environment = {name: value for name, value in os.environ.items() if name != "GLIBC_TUNABLES"} | tunables
    line = [sys.executable, "-c", PROGRAM, "--steps", "a b"]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.splitlines()


@pytest.mark.skipif(not LINUX.is_file() or "[madvise]" not in LINUX.read_text(), reason="no pages for the asking here")
@pytest.mark.parametrize(("before", "after"), [(None, ""), ("glibc.malloc.check=1", "glibc.malloc.check=1:")])
def test_the_same_process_starts_once_more_with_its_arguments(before, after):
    first, second, done = run({"GLIBC_TUNABLES": before} if before else {})
    process = first.split()[0]
    assert first == f"{process} {before} ['--steps', 'a b']"
    assert second == f"{process} {after}glibc.malloc.hugetlb=1 ['--steps', 'a b']"
    assert done == "done"


def test_a_wish_of_the_user_stays():
    assert len(run({"GLIBC_TUNABLES": "glibc.malloc.hugetlb=0"})) == 2
