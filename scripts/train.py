"""Train a network on photos.

    python scripts/train.py --stage srresnet --data PHOTOS --validation PHOTOS --workdir RUN

The same command resumes a run from its last checkpoint, whatever stopped it.
"""

from jaxsr.commands import run

if __name__ == "__main__":
    run("train")
