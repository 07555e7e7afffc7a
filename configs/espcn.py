"""ESPCN ×4 on RGB (Shi et al. 2016), begun as a bilinear upscaler.

Command:   python scripts/train.py --stage espcn --data DIR --validation DIR --workdir runs/espcn
Cost:      about 80 updates a second on two cores.
Measured:  PSNR-Y 29.64 dB on Set5 with --steps 6000.
Expected:  PSNR-Y 30.76 dB on Set5 for a long run (published, as the SRGAN paper's table has it).
"""

from jaxsr.config import TrainConfig

config = TrainConfig(
    stage="espcn", steps=100_000, learning_rate=1e-3, schedule="cosine", warmup=500,
    checkpoint_every=5_000, validate_every=5_000, cache=True, crops_per_photo=1,
)  # fmt: skip
