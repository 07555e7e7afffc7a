"""The quality metrics at the top of the package: `from jaxsr.metrics import psnr`."""

from jaxsr.evaluation.metrics import psnr, ssim_daala, ssim_wang
from jaxsr.evaluation.niqe import niqe

__all__ = ["niqe", "psnr", "ssim_daala", "ssim_wang"]
