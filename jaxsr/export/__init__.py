"""Export of networks for other programs: ONNX, StableHLO, PyTorch's .pth, and a page that upscales in the browser.

Start with `networks.py`, which describes each network in the operators of `operators.py`. `files.py` writes all formats
but the page, which is in `web.py`.
"""
