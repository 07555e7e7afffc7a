"""Bring other programs' weights into a form that jaxsr reads: `python scripts/port_weights.py SOURCE DEST`."""

from jaxsr.commands import run

if __name__ == "__main__":
    run("port")
