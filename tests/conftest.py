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
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"

# Most programs here run for milliseconds and take seconds to compile: less optimised, a quarter of that.
os.environ["XLA_FLAGS"] = (
    f"{os.environ.get('XLA_FLAGS', '')} --xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
)

import jax  # noqa: E402 (reads the environment)
import pytest  # noqa: E402

# What `pytest -m quick` runs, a line for each package. That of export takes longest.
QUICK = {"test_architecture", "test_conventions"}
QUICK |= {"test_archive_store"}
QUICK |= {"test_commands"}
QUICK |= {"test_augmentation", "test_bicubic", "test_inspection", "test_sources"}
QUICK |= {"test_kernels"}
QUICK |= {"test_view"}
QUICK |= {"test_metrics", "test_protocol", "test_sheet"}
QUICK |= {"test_formats"}
QUICK |= {"test_avif", "test_color", "test_exif", "test_folders", "test_frames", "test_phone_pictures"}
QUICK |= {"test_photo", "test_picture_files", "test_png"}
QUICK |= {"test_png_colour", "test_quality", "test_resize", "test_strips", "test_text"}
QUICK |= {"test_partitioning", "test_processor"}
QUICK |= {"test_torch_parity"}
QUICK |= {"test_devices", "test_memory"}
QUICK |= {"test_drawing", "test_faults", "test_record", "test_validation", "test_workdir"}
QUICK |= {"test_checks", "test_losses", "test_network", "test_state"}
QUICK |= {"test_existing_and_reports", "test_folder", "test_pillow", "test_plan", "test_size", "test_upscaled_files"}
QUICK |= {"test_clip_color", "test_clip_pipeline"}
QUICK |= {"test_store", "test_torch_file"}

# What takes longest starts first, so that no long file is left alone at the end.
LONGEST = ["test_train_script", "test_distributed", "test_cluster", "test_going_on", "test_srgan_script"]
LONGEST += ["test_convolution", "test_browser", "test_community_stages", "test_bundled", "test_gan"]
LONGEST += ["test_steps", "test_community", "test_lpips", "test_initialisation", "test_folder_script"]
LONGEST += ["test_server", "test_pairs", "test_compiled", "test_photos", "test_perceptual"]
LONGEST += ["test_generators", "test_quickstart", "test_clips", "test_web", "test_engine"]
LONGEST += ["test_wheel", "test_upscaler", "test_upscale_script", "test_tiling", "test_refinement"]
LONGEST += ["test_gan_parity", "test_switch", "test_loop", "test_formats"]
LONGEST += ["test_likeness", "test_lineage", "test_evaluate_script"]

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", 8)

# A shell that runs the tests in the background has SIGINT ignored, which the processes they start would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_unconfigure():
    if not worker:
        shutil.rmtree(compiled, ignore_errors=True)


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(item.path).stem in QUICK:
            item.add_marker(pytest.mark.quick)
    ranks = {name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(Path(item.path).stem, len(ranks)))


@pytest.fixture(scope="module", autouse=True)
def forgotten_programs():
    """Gigabytes of programs of other files slow a worker down; those that files share are on the disk."""
    yield
    jax.clear_caches()


def pytest_xdist_auto_num_workers():
    # A worker waits a fifth of its time, for disks and for processes that it started.
    return (os.cpu_count() or 1) + 1
