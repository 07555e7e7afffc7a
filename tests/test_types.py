"""The package and the scripts are typed: ty finds nothing at its standard level."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import jaxsr

ROOT = Path(jaxsr.__file__).parents[1]
# Without the packages of some extra, ty cannot see their types.
EXTRAS = ("ty", "ray", "av", "onnx", "starlette", "pillow_heif")
MISSING = [name for name in EXTRAS if importlib.util.find_spec(name) is None]


@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
def test_the_type_checker_finds_nothing():
    command = [sys.executable, "-m", "ty", "check", "--output-format", "concise", "--python", sys.prefix]
    result = subprocess.run([*command, "jaxsr", "scripts"], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
