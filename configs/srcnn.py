"""SRCNN 9-1-5 ×4 on RGB (Dong et al. 2014), begun as a bicubic upscaler.

Command:   python scripts/train.py --stage srcnn --data DIR --validation DIR --workdir runs/srcnn
Cost:      about 4 updates a second on two cores.
Measured:  PSNR-Y 29.34 dB on Set5 with --steps 1500 --warmup 100.
Expected:  PSNR-Y 30.07 dB on Set5 for a long run (published, as the SRGAN paper's table has it).
"""

from jaxsr.config import TrainConfig

config = TrainConfig(
    stage="srcnn", steps=20_000, learning_rate=5e-4, schedule="cosine", warmup=500,
    checkpoint_every=1_000, validate_every=1_000, cache=True, crops_per_photo=1,
)  # fmt: skip
