"""SRGAN ×4 as in Ledig et al. 2017, section 3.2: from a trained SRResNet, VGG19 features and 1e-3 of adversarial loss.

Command:   python scripts/train.py --stage srgan --init SRRESNET_RUN --data DIR --validation DIR --workdir runs/srgan
Data:      ImageNet crops in the paper; DIV2K or COCO serve (--data tfds:div2k/bicubic_x4).
Cost:      2·10⁵ updates; for a GPU. Not measured with VGG19: with VGG16 in bfloat16, srgan_gpu.py has 128 a second on
           one NVIDIA H200, at which they would take half an hour.
Measured:  not run here. Published: 29.40 dB and SSIM 0.847 on Set5.
"""

from jaxsr.config import TrainConfig

config = TrainConfig(stage="srgan", steps=200_000, schedule="step", validate_every=2_000)
