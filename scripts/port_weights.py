"""Convert other programs' weights to jaxsr's format: `python scripts/port_weights.py SOURCE DEST`."""

from jaxsr.commands import run

if __name__ == "__main__":
    run("port")
