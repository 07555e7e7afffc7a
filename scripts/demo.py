"""A page to drop a photo on: `python scripts/demo.py`."""

from jaxsr.commands import run

if __name__ == "__main__":
    run("demo")
