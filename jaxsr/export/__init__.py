"""Export of networks for other programs: ONNX, StableHLO, PyTorch's .pth, and a page that upscales in the browser."""
