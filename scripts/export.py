"""Export a network for other programs: `python scripts/export.py srresnet srresnet.onnx --format onnx`."""

from jaxsr.commands import run

if __name__ == "__main__":
    run("export")
