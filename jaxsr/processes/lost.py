"""How it shows that another process of a run is gone."""

import re

# In what JAX, XLA and their transports say then.
TROUBLE = re.compile(
    "Gloo .*failed|gloo/transport|NCCL|[Cc]oordination ?[Ss]ervice|distributed service|UNAVAILABLE|DEADLINE_EXC"
    "|Connection (closed|reset|refused)"
)
# How XLA begins what it says of an error ("UNKNOWN: Gloo …").
_STATUS = re.compile("[A-Z_]+: ")


def is_lost(error: BaseException) -> bool:
    """Whether an error, or one that it came from, says that another process is gone."""
    text = str(error)
    # Some of XLA's statuses come as a ValueError; others than XLA's are somebody's mistake.
    of_xla = isinstance(error, RuntimeError) or (isinstance(error, ValueError) and _STATUS.match(text))
    if of_xla and TROUBLE.search(text):
        return True
    earlier = error.__cause__ or error.__context__
    return earlier is not None and is_lost(earlier)
