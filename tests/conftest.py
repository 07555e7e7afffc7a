"""Four simulated devices for all tests; those that want one make a mesh of one."""

import os
import shutil
import signal
import tempfile

# Programs that many tests and the processes they start have in common are compiled once.
compiled = tempfile.mkdtemp(prefix="jaxsr-tests-")
os.environ["JAX_COMPILATION_CACHE_DIR"] = compiled
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"

import jax  # noqa: E402 (reads the environment)

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", 4)

# A shell that runs the tests in the background has SIGINT ignored, which the processes they start would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_unconfigure():
    shutil.rmtree(compiled, ignore_errors=True)
