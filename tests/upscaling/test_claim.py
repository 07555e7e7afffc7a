import contextlib
import errno
import fcntl
import os
import signal
import sys
import threading
import time

import pytest
from forked import Forked

from jaxsr.files import ends_of, replacing, temporary_ends
from jaxsr.upscaling.claim import claimed

HOLD = """
import pathlib, sys, time
from jaxsr.files import replacing
from jaxsr.upscaling.claim import claimed
with claimed(pathlib.Path(sys.argv[1])) as mine, replacing(sys.argv[1]):
    print(mine, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path, tmp_path_factory):
    """A process that has claimed a.png and is writing it."""
    script = tmp_path_factory.mktemp("hold") / "hold.py"
    script.write_text(HOLD)
    process = Forked([sys.executable, script, tmp_path / "a.png"])
    while len(names(tmp_path)) < 2:
        assert process.poll() is None
        time.sleep(0.01)
    yield process
    if process.poll() is None:
        process.kill()
        process.communicate()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_claim_is_one_process_s_and_leaves_nothing(tmp_path, holder):
    with claimed(tmp_path / "a.png") as mine:
        assert not mine
    with claimed(tmp_path / "b.png") as mine, claimed(tmp_path / "b.png") as twice:
        assert (mine, twice) == (True, False)
    with claimed(tmp_path / "b.png") as mine:
        assert mine
    assert len(names(tmp_path)) == 2  # the other process's claim and its temporary file
    holder.send_signal(signal.SIGINT)
    assert holder.communicate()[0] == "True\n"
    assert names(tmp_path) == []


def test_the_claim_of_a_killed_process_is_taken_over_and_its_temporary_file_deleted(tmp_path, holder):
    others = ["a.12345678.partial.png", ".a.1234567.partial.png", ".ab.12345678.partial.png", ".a.12345678.partial.jpg"]
    for name in others:
        (tmp_path / name).write_bytes(b"")
    before = set(names(tmp_path))
    holder.kill()
    holder.communicate()
    assert set(names(tmp_path)) == before
    assert len(before) == len(others) + 2
    with claimed(tmp_path / "a.png") as mine:
        assert mine
        with replacing(tmp_path / "a.png") as temporary:
            temporary.write_bytes(b"whole")
    assert names(tmp_path) == sorted([*others, "a.png"])


def test_a_claim_in_a_folder_that_cannot_be_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"), claimed(tmp_path / "file/a.png"):
        pass


@pytest.mark.parametrize(("number", "goes_on"), [(errno.ENOLCK, True), (errno.EIO, False)])
def test_where_there_are_no_locks_work_goes_on_without(tmp_path, monkeypatch, number, goes_on):
    def flock(handle, operation):
        raise OSError(number, os.strerror(number))

    # Such a file system cannot be mounted here.
    monkeypatch.setattr(fcntl, "flock", flock)
    expected = contextlib.nullcontext() if goes_on else pytest.raises(OSError, match=os.strerror(number))
    with expected, claimed(tmp_path / "a.png") as mine:
        assert mine
    assert goes_on == (names(tmp_path) == [])


@pytest.mark.parametrize("stem", ["a" * 251, "é" * 125, "鷗" * 83, "a" + "鷗" * 83, "🦊" * 62])
def test_a_name_as_long_as_the_file_system_takes_can_be_claimed_and_written(stem, tmp_path):
    target = tmp_path / f"{stem}.png"
    assert len(os.fsencode(target.name)) in range(252, 256)
    with claimed(target) as mine, claimed(target) as twice, replacing(target) as temporary:
        assert (mine, twice, temporary.suffix) == (True, False, ".png")
        (claim,) = (path for path in tmp_path.iterdir() if path.suffix == ".claim")
        for name in (temporary.name, claim.name):
            assert len(os.fsencode(name)) <= 255
            # Cut at a whole character.
            assert os.fsencode(name).decode().startswith(f".{stem[:40]}")
        temporary.write_bytes(b"whole")
        assert ends_of(temporary.name) == temporary_ends(target)
        assert ends_of(temporary.name) != temporary_ends(target.with_stem(stem[:-1] + "b"))
    assert [path.name for path in tmp_path.iterdir()] == [target.name]
    # Too long for the file system itself: found out before any work.
    longer = tmp_path / f"{stem}{'b' * 10}.png"
    for context in (claimed, replacing):
        with pytest.raises(OSError, match="File name too long"), context(longer):
            raise AssertionError


def test_threads_leave_the_umask_alone_and_files_get_the_permissions_of_new_ones(tmp_path, monkeypatch):
    (tmp_path / "new").touch()
    umask, usual, modes = os.umask, (tmp_path / "new").stat().st_mode, []

    def interrupted(mask):
        before = umask(mask)
        time.sleep(0.01)
        return before

    def write(name):
        for _ in range(5):
            with replacing(tmp_path / name) as temporary:
                modes.append(temporary.stat().st_mode)

    # Another thread can have its turn after any call.
    monkeypatch.setattr(os, "umask", interrupted)
    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (tmp_path / "newer").touch()
    assert {*modes, (tmp_path / "newer").stat().st_mode} == {usual}
