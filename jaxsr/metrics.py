"""The measures of quality under the package's own name: `from jaxsr.metrics import psnr`."""

from jaxsr.evaluation.metrics import psnr, ssim_daala, ssim_wang

__all__ = ["psnr", "ssim_daala", "ssim_wang"]
