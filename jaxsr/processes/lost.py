"""Recognise the errors that tell that another process of a run is gone."""

import re

# What JAX, XLA and their transports write then.
TROUBLE = re.compile(
    "Gloo .*failed|gloo/transport|NCCL|[Cc]oordination ?[Ss]ervice|distributed service|UNAVAILABLE|DEADLINE_EXC"
    "|Connection (closed|reset|refused)"
)
# XLA's errors begin with a status ("UNKNOWN: Gloo …").
_STATUS = re.compile("[A-Z_]+: ")


def is_lost(error: BaseException) -> bool:
    """Whether an error, or one that caused it, tells that another process is gone."""
    text = str(error)
    # JAX raises some of XLA's statuses as a ValueError. A ValueError without a status has another cause.
    of_xla = isinstance(error, RuntimeError) or (isinstance(error, ValueError) and _STATUS.match(text))
    if of_xla and TROUBLE.search(text):
        return True
    earlier = error.__cause__ or error.__context__
    return earlier is not None and is_lost(earlier)
