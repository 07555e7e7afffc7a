"""Score models on test sets: `python scripts/evaluate.py --model bicubic srresnet --data Set5 Set14`."""

from jaxsr.commands import run

if __name__ == "__main__":
    run("evaluate")
