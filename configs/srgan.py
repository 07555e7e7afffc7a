"""SRGAN ×4 as in Ledig et al. 2017, section 3.2: a trained SRResNet, VGG19 features and 1e-3 of adversarial loss.

Command:   python scripts/train.py --stage srgan --init SRRESNET_RUN --data DIR --validation DIR --workdir runs/srgan
Data:      ImageNet crops in the paper. DIV2K or COCO will do (--data tfds:div2k/bicubic_x4).
Cost:      2·10⁵ updates, on a GPU. Not measured with VGG19. With VGG16 in bfloat16, srgan_gpu.py makes 128 updates a
           second on one NVIDIA H200; at that rate this takes half an hour.
Measured:  not run here. Published: PSNR-Y 29.40 dB and SSIM 0.847 on Set5.
"""

from jaxsr.config import TrainConfig

config = TrainConfig(stage="srgan", steps=200_000, schedule="step", validate_every=2_000)
