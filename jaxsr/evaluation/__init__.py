"""How good a result is: PSNR, SSIM, LPIPS, and the one protocol that every number of this project stands under."""
