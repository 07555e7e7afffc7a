"""Compiled programs that outlive the process."""

import jax
import platformdirs


def keep_compiled() -> None:
    """Keep what JAX compiles from now on in the user's cache folder, and take it from there.

    JAX itself decides what still fits: the key holds the program, its version and the processor.
    """
    jax.config.update("jax_compilation_cache_dir", platformdirs.user_cache_dir("jaxsr"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
