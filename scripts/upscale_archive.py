"""Upscale an archive on a Ray cluster: `python scripts/upscale_archive.py SOURCE DESTINATION`, paths or URIs."""

from jaxsr.commands import run

if __name__ == "__main__":
    run("archive")
