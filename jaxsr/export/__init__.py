"""Networks as files for other programs: ONNX, StableHLO, PyTorch's .pth, and a page that upscales in the browser."""
