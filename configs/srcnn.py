"""SRCNN 9-1-5 ×4 on RGB (Dong et al. 2014). It starts as a bicubic upscaler.

Command:   python scripts/train.py --stage srcnn --data DIR --validation DIR --workdir runs/srcnn
Cost:      22 updates a second on one core of an AVX-512 server CPU: a quarter of an hour.
Measured:  PSNR-Y 30.00 dB on Set5, 27.90 dB on Kodak24.
Expected:  PSNR-Y 30.07 dB on Set5 after a long run (published, in the SRGAN paper's table).
"""

from jaxsr.config import TrainConfig

config = TrainConfig(
    stage="srcnn", steps=20_000, crop=48, learning_rate=1e-3, schedule="cosine", warmup=500,
    checkpoint_every=1_000, validate_every=1_000, cache=True, crops_per_photo=1,
)  # fmt: skip
