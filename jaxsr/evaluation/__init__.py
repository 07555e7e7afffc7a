"""Quality of results: PSNR, SSIM, LPIPS, NIQE, and the one protocol behind every score of this project."""
