"""Eight simulated devices for all tests; those that want one make a mesh of one."""

import os
import shutil
import signal
import tempfile
from pathlib import Path

# Programs that many tests and the processes they start have in common are compiled once.
worker = "PYTEST_XDIST_WORKER" in os.environ
compiled = os.environ["JAX_COMPILATION_CACHE_DIR"] if worker else tempfile.mkdtemp(prefix="jaxsr-tests-")
os.environ["JAX_COMPILATION_CACHE_DIR"] = compiled
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"

# Most programs here run for milliseconds and take seconds to compile: less optimised, a quarter of that.
os.environ["XLA_FLAGS"] = (
    f"{os.environ.get('XLA_FLAGS', '')} --xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
)

import jax  # noqa: E402 (reads the environment)
import pytest  # noqa: E402

# What `pytest -m quick` runs: of each part that which is done in seconds, folders or files without their suffixes.
QUICK = {"imaging", "test_conventions", "test_metrics", "test_niqe", "test_protocol", "test_sets", "test_augmentation"}
QUICK |= {"test_inspection", "test_store", "test_torch_file", "test_ncnn", "test_lineage", "test_choice"}
QUICK |= {"test_loop", "test_workdir"}

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", 8)

# A shell that runs the tests in the background has SIGINT ignored, which the processes they start would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_unconfigure():
    if not worker:
        shutil.rmtree(compiled, ignore_errors=True)


def pytest_collection_modifyitems(items):
    for item in items:
        path = Path(item.path)
        if {path.stem, path.parent.name} & QUICK:
            item.add_marker(pytest.mark.quick)


@pytest.fixture(scope="module", autouse=True)
def forgotten_programs():
    """Gigabytes of programs of other files slow a worker down; those that files share are on the disk."""
    yield
    jax.clear_caches()
