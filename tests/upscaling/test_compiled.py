"""The cache of compiled programs."""

import os
import subprocess
import sys
from pathlib import Path

from jaxsr.upscaling.compiled import forget_oldest

ROOT = Path(__file__).parents[2]


def upscale(target, cache, *options, onednn=False):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    environment |= {"XDG_CACHE_HOME": str(cache), "HOME": str(cache)}
    # With its limit set, even to none, oneDNN is left alone.
    environment |= {} if onednn else {"ONEDNN_MAX_CPU_ISA": "ALL"}
    line = [sys.executable, "scripts/upscale.py", "jaxsr/samples/small/dog.png", "-o", target, "--model", "espcn"]
    line += options
    done = subprocess.run([*map(str, line)], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    return {path: path.stat().st_mtime_ns for path in cache.rglob("*-cache")}


def test_programs_are_kept_and_used_again_and_the_picture_is_the_same(tmp_path):
    cache = tmp_path / "cache"
    first = upscale(tmp_path / "first.png", cache)
    assert first
    # Nothing was compiled anew.
    assert upscale(tmp_path / "again.png", cache) == first
    without = tmp_path / "none"
    assert upscale(tmp_path / "without.png", without, "--no-cache") == {}
    results = {(tmp_path / f"{name}.png").read_bytes() for name in ("first", "again", "without")}
    assert len(results) == 1


def test_programs_that_cannot_be_kept_are_not_complained_of(tmp_path):
    upscale(tmp_path / "picture.png", tmp_path / "cache", onednn=True)
    assert (tmp_path / "picture.png").exists()


def test_what_was_used_longest_ago_goes_first(tmp_path):
    for age, name in enumerate(("new", "older", "oldest")):
        (tmp_path / name).write_bytes(bytes(100))
        os.utime(tmp_path / name, (1e9 - age, 1e9 + age))
    forget_oldest(tmp_path, most=250)
    assert {path.name for path in tmp_path.iterdir()} == {"new", "older"}
    forget_oldest(tmp_path, most=250)
    assert len(list(tmp_path.iterdir())) == 2
    forget_oldest(tmp_path / "absent", most=250)
