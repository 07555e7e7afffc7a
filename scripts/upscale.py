"""Upscale pictures: `python scripts/upscale.py photo.jpg -o photo_x4.png`, or whole folders with `--recursive`."""

from jaxsr.commands import run

if __name__ == "__main__":
    run("upscale")
