"""Memory in pages of 2 MB, for training on a CPU."""

import contextlib
import os
import sys
import threading
from pathlib import Path

_TUNABLE = "glibc.malloc.hugetlb"
_RESTARTED = "JAXSR_RESTARTED"
_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def restart_with_huge_pages() -> None:
    """Restart this program once, so that glibc asks Linux for memory in pages of 2 MB.

    Each update allocates some hundred megabytes, and it takes long to touch them for the first time in pages of 4 KB.
    glibc reads the tunable (glibc manual, memory allocation tunables) only when a process starts.

    Call this first: the restart loses all that the program has done. The program goes on without a restart

    - if `GLIBC_TUNABLES` already sets `glibc.malloc.hugetlb` (0 declines large pages),
    - if the process has other threads,
    - or if Linux gives large pages to all programs or to none, and not to those that ask.
    """
    given = os.environ.get("GLIBC_TUNABLES", "")
    # If something removes the tunable, the marker prevents endless restarts. Child processes do not inherit it.
    if os.environ.pop(_RESTARTED, "") or _TUNABLE in given or threading.active_count() > 1:
        return
    if not _PAGES.is_file() or "[madvise]" not in _PAGES.read_text():
        return
    new = {"GLIBC_TUNABLES": f"{given}:{_TUNABLE}=1".lstrip(":"), _RESTARTED: "1"}
    # Where the restart fails, the program still works in small pages.
    with contextlib.suppress(OSError):
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | new)
