"""Write a network for other programs: `python scripts/export.py srresnet srresnet.onnx --format onnx`."""

from jaxsr.errors import reported
from jaxsr.export.command import main

if __name__ == "__main__":
    with reported():
        main()
