"""Compiled programs that outlive the process."""

import contextlib
import warnings
from pathlib import Path

import jax
import platformdirs

# Of all programs together; one of SRResNet takes some hundred kilobytes.
_MOST_BYTES = 500_000_000


def keep_compiled() -> None:
    """Keep what JAX compiles from now on in the user's cache folder, and take it from there.

    JAX itself decides what still fits: the key holds the program, its version and the processor. Where the user has
    given JAX a folder (`JAX_COMPILATION_CACHE_DIR`), it stays that one. Programs with calls of oneDNN
    (jaxsr/kernels/onednn.py) cannot be kept, and are quick to compile: that JAX could not write them is not told.
    """
    warnings.filterwarnings("ignore", "Error writing persistent compilation cache entry.*std::bad_alloc", UserWarning)
    if jax.config.jax_compilation_cache_dir is not None:
        return
    folder = Path(platformdirs.user_cache_dir("jaxsr"))
    forget_oldest(folder, most=_MOST_BYTES)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def forget_oldest(folder: Path, *, most: int) -> None:
    """Delete the files of a folder that were read longest ago, until the rest takes at most this many bytes."""
    # Another process may be faster, and where nothing can be deleted nothing is lost.
    with contextlib.suppress(OSError):
        files = [(path, path.stat()) for path in folder.iterdir() if path.is_file()]
        total = 0
        for path, status in sorted(files, key=lambda file: file[1].st_atime, reverse=True):
            total += status.st_size
            if total > most:
                path.unlink()
