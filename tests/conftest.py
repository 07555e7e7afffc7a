"""Four simulated devices for all tests; those that want one make a mesh of one."""

import signal

import jax

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", 4)

# A shell that runs the tests in the background has SIGINT ignored, which the processes they start would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)
