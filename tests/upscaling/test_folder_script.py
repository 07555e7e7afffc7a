"""scripts/upscale.py on folders, in processes that are interrupted, killed, and two at a time."""

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import numpy as np
import pytest
from forked import Forked
from PIL import Image

from jaxsr.imaging.resize import resize_uint8

SCRIPT = Path(__file__).parents[2] / "scripts/upscale.py"
COUNT = 30


@pytest.fixture
def photos(tmp_path):
    """Pictures in two folders, and a folder with a name that is no text."""
    random = np.random.default_rng(0)
    for number in range(COUNT):
        folder = tmp_path / "photos" / ("" if number % 2 else os.fsdecode(b"sub\xff"))
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (60, 80, 3), np.uint8)).save(folder / f"{number:02d}.png")
    return tmp_path / "photos"


def command(photos, *arguments, output="out"):
    line = [sys.executable, SCRIPT, photos, "-o", photos.parent / output, "--recursive", "--model", "bicubic"]
    return [*line, *map(str, arguments)]


def start(*arguments, **options):
    return Forked(command(*arguments, **options), cwd=SCRIPT.parents[1])


def finish(process):
    """(exit code, paths on stdout, lines on stderr)."""
    out, err = process.communicate(timeout=300)
    return process.returncode, [Path(line) for line in out.splitlines()], err.splitlines()


def results(folder):
    """What tells a file and its state apart, for each file below a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


def whole(photos, folder):
    """Whether these are all results and nothing else, each right to the last bit."""
    sources = {path.relative_to(photos): path for path in photos.rglob("*.png")}
    expected = {folder / place.with_name(f"{place.stem}_x4.png"): path for place, path in sources.items()}
    assert set(results(folder)) == set(expected)
    for target, source in expected.items():
        np.testing.assert_array_equal(np.asarray(Image.open(target)), resize_uint8(np.asarray(Image.open(source)), 4))
    return len(expected) == COUNT


def wait_for_results(process, folder, count):
    """Return when a running process has written so many."""
    while len(list(folder.rglob("[!.]*.png"))) < count:
        assert process.poll() is None, "it ended too soon"
        time.sleep(0.01)


def test_a_killed_run_goes_on_where_it_was(photos):
    out = photos.parent / "out"
    process = start(photos, "--skip-existing")
    wait_for_results(process, out, 5)
    process.kill()
    finish(process)
    # Whatever the moment of the kill left, this is what it can leave.
    (out / ".01_x4.abcd_123.partial.png").write_bytes(b"half")
    (out / ".01_x4.png.claim").write_bytes(b"")
    before = {path: state for path, state in results(out).items() if not path.name.startswith(".")}
    assert 5 <= len(before) < COUNT
    code, written, lines = finish(start(photos, "--skip-existing"))
    assert code == 0, lines
    assert lines == [
        f"{COUNT - len(before)} of {COUNT} pictures upscaled, {len(before)} skipped ({len(before)} existing), 0 failed"
    ]
    assert set(written) == set(results(out)) - set(before)
    assert before.items() <= results(out).items()
    assert whole(photos, out)


def test_an_interrupted_run_leaves_whole_files_and_says_how_to_go_on(photos):
    out, report = photos.parent / "out", photos.parent / "report.json"
    process = start(photos, "--json", report)
    wait_for_results(process, out, 3)
    process.send_signal(signal.SIGINT)
    code, written, lines = finish(process)
    assert code == 130
    before = results(out)
    assert set(before) == set(written)
    left = COUNT - len(written)
    assert left > 0
    assert lines == [
        f"{len(written)} of {COUNT} pictures upscaled, 0 skipped, 0 failed, {left} not begun or given up",
        "the same command goes on from here with --skip-existing",
        "interrupted",
    ]
    pictures = json.loads(report.read_text())["pictures"]
    assert {Path(picture["target"]) for picture in pictures if picture["status"] == "done"} == set(written)
    assert [picture["status"] for picture in pictures].count("left") == left
    code, _, lines = finish(start(photos))
    assert code == 2
    assert len(lines) == 1
    assert "--skip-existing" in lines[0]
    assert finish(start(photos, "--skip-existing"))[0] == 0
    assert before.items() <= results(out).items()
    assert whole(photos, out)


def test_two_processes_share_a_folder(photos):
    processes = [start(photos, "--skip-existing") for _ in range(2)]
    (code, first, _), (other_code, second, _) = map(finish, processes)
    assert (code, other_code) == (0, 0)
    # Each result was written once, by one of them.
    assert sorted(first + second) == sorted(results(photos.parent / "out"))
    assert whole(photos, photos.parent / "out")


def test_a_dry_run_says_what_a_run_does(photos):
    code, written, _ = finish(start(photos / os.fsdecode(b"sub\xff"), "--dry-run", output="out"))
    assert code == 0
    assert list(photos.parent.iterdir()) == [photos]
    assert len(written) == COUNT // 2
    assert all(line.name.endswith("_x4.png") and str(line).startswith("upscale: ") for line in written)


def test_a_report_and_a_format_and_a_bad_picture(photos):
    for path in photos.rglob("*[2-9].png"):
        path.unlink()
    (photos / "bad.png").write_bytes(b"no picture")
    report = photos / "out/report.json"
    code, written, lines = finish(start(photos, "--json", report, "--format", "webp", output="photos/out"))
    assert code == 1
    assert [line.split(": ")[:2] for line in lines[:-1]] == [["error", str(photos / "bad.png")]]
    assert lines[-1] == "6 of 7 pictures upscaled, 0 skipped, 1 failed"
    assert set(results(photos / "out")) == {*written, report}
    assert all(path.read_bytes()[8:12] == b"WEBP" for path in written)
    told = json.loads(report.read_text())
    assert told["counts"] == {"done": 6, "skipped": 0, "failed": 1, "left": 0}
    assert {Path(p["target"]) for p in told["pictures"] if p["status"] == "done"} == set(written)
    assert {p["megapixels"] for p in told["pictures"]} == {0.0048, None}
    assert all(p["seconds"] > 0 for p in told["pictures"] if p["status"] == "done")
    (bad,) = (p for p in told["pictures"] if p["status"] == "failed")
    assert (bad["source"], bad["megapixels"]) == (str(photos / "bad.png"), None)
    assert lines[0] == f"error: {bad['reason']}"
    # The results of before, which lie inside the input, are no input.
    code, written, lines = finish(start(photos, "--overwrite", "--dry-run", "--format", "webp", output="photos/out"))
    assert (code, len(written)) == (0, 7)


def test_a_terminal_sees_pictures_megapixels_and_time(photos):
    for path in photos.rglob("*[1-9].png"):
        path.unlink()
    terminal, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 120))
    process = subprocess.Popen(command(photos), cwd=SCRIPT.parents[1], stderr=theirs, stdout=subprocess.DEVNULL)
    os.close(theirs)
    seen = b""
    # Linux tells the end of a terminal by an error.
    with contextlib.suppress(OSError):
        while part := os.read(terminal, 4096):
            seen += part
    os.close(terminal)
    assert process.wait() == 0
    *_, bar, summary, rest = re.split(r"[\r\n]+", seen.decode())
    assert (summary, rest) == ("3 of 3 pictures upscaled, 0 skipped, 0 failed", "")
    assert re.fullmatch(r"3/3 pictures: 100%\|.*\| 0\.0/0\.0 megapixels \[00:0\d<00:00, +\d+\.\d+ megapixels/s\]", bar)
