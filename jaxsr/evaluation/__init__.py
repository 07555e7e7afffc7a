"""Quality of results: PSNR, SSIM, LPIPS, NIQE, and the one protocol behind every score of this project.

Start with `protocol.py`, which scores one network on one set; `scoring.py` does so for all that a command names.
"""
