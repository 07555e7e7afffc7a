"""The site builds strictly: every link between pages and every name of the API is there."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import jaxsr

ROOT = Path(jaxsr.__file__).parents[1]


@pytest.mark.skipif(importlib.util.find_spec("mkdocs") is None, reason="mkdocs is not installed")
def test_the_site_is_built_strictly(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    result = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stdout + result.stderr
    for page, name in {"models": "models.network.Network", "evaluation": "evaluation.niqe.niqe"}.items():
        assert f'id="jaxsr.{name}"' in (tmp_path / "reference" / page / "index.html").read_text()
    assert "The image contract" in (tmp_path / "reference" / "jaxsr" / "index.html").read_text()
