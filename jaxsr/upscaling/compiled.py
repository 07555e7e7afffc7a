"""Keeps compiled programs for later processes."""

import contextlib
import warnings
from pathlib import Path

import jax
import platformdirs

# Limit for all programs together; one of SRResNet takes a few hundred kilobytes.
_MOST_BYTES = 500_000_000


def keep_compiled() -> None:
    """Let JAX keep the programs that it compiles in the user's cache folder, and reuse them from there.

    JAX decides what can be reused: its key holds the program, JAX's version and the processor. If the user has given
    JAX a folder (`JAX_COMPILATION_CACHE_DIR`), that folder is used. Programs that call oneDNN (jaxsr/kernels/onednn.py)
    cannot be kept, but compile quickly. JAX's warning about these is therefore silenced.
    """
    warnings.filterwarnings("ignore", "Error writing persistent compilation cache entry.*std::bad_alloc", UserWarning)
    # JAX defines the attributes of its configuration at run time.
    if jax.config.jax_compilation_cache_dir is not None:  # ty: ignore[missing-attribute]
        return
    folder = Path(platformdirs.user_cache_dir("jaxsr"))
    forget_oldest(folder, most=_MOST_BYTES)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def forget_oldest(folder: Path, *, most: int) -> None:
    """Delete the least recently read files of a folder, until the rest takes at most `most` bytes."""
    # Another process may delete them first, and a file that cannot be deleted does no harm.
    with contextlib.suppress(OSError):
        files = [(path, path.stat()) for path in folder.iterdir() if path.is_file()]
        total = 0
        for path, status in sorted(files, key=lambda file: file[1].st_atime, reverse=True):
            total += status.st_size
            if total > most:
                path.unlink()
