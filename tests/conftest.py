"""Four simulated devices for all tests; those that want one make a mesh of one."""

import jax

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", 4)
