"""Train a network on photos.

    python scripts/train.py --stage srresnet --data PHOTOS --validation PHOTOS --workdir RUN

Start the same command again to go on where it stopped, however it stopped.
"""

from jaxsr.commands import run

if __name__ == "__main__":
    run("train")
